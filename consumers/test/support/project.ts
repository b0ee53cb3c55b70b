import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Ran, run } from './run.ts'

export interface ProjectOptions {
  /** Where it is made; nothing above it may have a `node_modules`. */
  parent: string
  name: string
  /** What `type` in its package.json says. @default 'module' */
  type?: 'module' | 'commonjs'
  /** Where npm installs from. */
  registry: string
}

/** A project of somebody else's: empty at first, on nobody's way to this workspace. */
export class Project {
  readonly directory: string
  readonly #npm: Record<string, string>

  private constructor(directory: string, npm: Record<string, string>) {
    this.directory = directory
    this.#npm = npm
  }

  static async create({ parent, name, type = 'module', registry }: ProjectOptions): Promise<Project> {
    const directory = join(parent, name)
    await mkdir(directory)
    await writeFile(join(directory, 'package.json'), JSON.stringify({ name, version: '1.0.0', type }))
    return new Project(directory, {
      npm_config_registry: registry,
      npm_config_cache: join(parent, 'npm-cache'),
      // Neither of the two is there: what this machine or its user tells npm does not count.
      npm_config_userconfig: join(parent, 'no-user-config'),
      npm_config_globalconfig: join(parent, 'no-global-config'),
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_ignore_scripts: 'true',
      npm_config_update_notifier: 'false',
    })
  }

  run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
    return run(command, args, { cwd: this.directory, env })
  }

  npm(...args: string[]): Promise<Ran> {
    return this.run('npm', args, this.#npm)
  }

  /** Every place at which a package is installed, with its version: `node_modules/fastify 5.12.8`. */
  async copiesOf(name: string): Promise<string[]> {
    const lock = await readFile(join(this.directory, 'package-lock.json'), 'utf8').catch(
      () => '{"packages":{}}',
    )
    const packages = Object.entries<{ version: string }>(JSON.parse(lock).packages)
    return packages
      .filter(([path]) => path.endsWith(`node_modules/${name}`))
      .map(([path, { version }]) => `${path} ${version}`)
  }
}
