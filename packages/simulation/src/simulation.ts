import { newCoreWorld } from './core-world.ts'
import { realModules } from './modules.ts'
import { type Outcome, runWorld } from './run-world.ts'
import { SharedDatabase } from './shared-database.ts'
import { newWholeWorld } from './whole-world.ts'
import type { World } from './world.ts'

/** Which of the two kinds of worlds: replicas and the store; or everything, the authority and its database included. */
export type Kind = 'core' | 'whole'

/** Runs the real code in worlds of both kinds, which share one database. */
export class Simulation {
  #database: Promise<SharedDatabase> | undefined

  /** @param actions how many things are begun at most */
  async run(kind: Kind, seed: number, actions?: number): Promise<Outcome> {
    return await runWorld(await this.#newWorld(kind, seed), { actions })
  }

  /** The one database; opened when it is first asked for, which takes seconds. */
  database(): Promise<SharedDatabase> {
    this.#database ??= SharedDatabase.open()
    return this.#database
  }

  async close(): Promise<void> {
    await (await this.#database)?.close()
  }

  async #newWorld(kind: Kind, seed: number): Promise<World> {
    if (kind === 'core') return newCoreWorld(seed, realModules)
    return await newWholeWorld(seed, realModules, { shared: await this.database() })
  }
}
