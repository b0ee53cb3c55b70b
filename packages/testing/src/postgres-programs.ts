import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian keeps them: a directory for each version, none of them on PATH. */
const DEBIAN = '/usr/lib/postgresql'

const NAMES = ['initdb', 'postgres', 'createdb']

const HOW_TO_INSTALL = 'Install Postgres 14 or later (apt-get install postgresql, brew install postgresql)'

/**
 * The directory that holds all of `initdb`, `postgres` and `createdb`: one on PATH, or else the newest in Debian's place.
 *
 * @throws when there is none; the message says what to install
 */
export function findPostgresPrograms(): string {
  const onPath = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '')
  const found = [...onPath, ...debianDirectories()].find((directory) =>
    NAMES.every((name) => existsSync(join(directory, name))),
  )
  if (found !== undefined) return found
  throw new Error(`No directory on PATH, nor ${DEBIAN}/*/bin, has ${NAMES.join(', ')}. ${HOW_TO_INSTALL}`)
}

function debianDirectories(): string[] {
  if (!existsSync(DEBIAN)) return []
  const versions = readdirSync(DEBIAN).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  return versions.map((version) => join(DEBIAN, version, 'bin'))
}

/**
 * As whom Postgres is run: as whoever runs the tests; but it refuses to be root, and then is the user that its
 * package has made.
 *
 * @throws when that is needed and there is no such user
 */
export function postgresUser(passwd = '/etc/passwd'): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync(passwd, 'utf8')) ?? []
  if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  throw new Error(
    `Postgres does not run as root, and ${passwd} has no user "postgres" to run it as. ` +
      'Make one (useradd --system postgres), or run the tests as somebody else',
  )
}
