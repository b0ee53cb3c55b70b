import { AuthorityManager } from './authority-manager.ts'
import { HOSTNAMES, IDS } from './cast.ts'
import { Ledger } from './ledger.ts'
import type { Modules } from './modules.ts'
import type { SharedDatabase } from './shared-database.ts'
import { ReconcilerLock } from './stepwise-link.ts'
import type { Temper } from './temper.ts'
import { World } from './world.ts'

/** A full look of the reconciler is every tenth, a second apart; and a bit more. */
const QUIET_MS = 13_000

/** Everything: replicas, the store, and two managers with the authority, each with a reconciler, that may die. */
export async function newWholeWorld(
  seed: number,
  modules: Modules,
  { shared, temper }: { readonly shared: SharedDatabase; readonly temper?: Partial<Temper> | undefined },
): Promise<World> {
  await shared.empty()
  const world = new World(seed, modules, temper)
  const { database } = shared
  const authority = new modules.authority.Authority(database)
  const ledger = new Ledger(world, authority)
  const lock = new ReconcilerLock()
  for (const [index, id] of IDS.slice(0, -1).entries()) {
    const hostnames = [HOSTNAMES[index] as string]
    const created = await authority.createTenant(
      { id, name: id, hostnames, config: {} },
      { by: 'the beginning' },
    )
    // Nobody has asked yet, so there is nobody to be told.
    await ledger.note({ ...created, restarts: [] })
  }
  const newManager = (name: string): AuthorityManager =>
    new AuthorityManager(name, world, { database, lock, ledger })
  world.managers = ['m1', 'm2'].map(newManager)
  world.quietMs = QUIET_MS
  world.judgeStore = async () => {
    for (const restart of await ledger.unwritten(world))
      world.violate('END', `the store does not hold ${restart}`)
  }
  world.isFailingOver = world.temper.forgets
  if (world.temper.hasOutages) world.crash = crash
  return world

  /** A manager dies, and another one begins in its place. */
  function crash(): void {
    const busy = world.managers.filter(({ isBusy }) => isBusy)
    const victim = world.random.pick(busy.length > 0 ? busy : world.managers) as AuthorityManager
    world.schedule.later({
      label: `${victim.name} dies`,
      run: async () => {
        if (victim.isDead) return
        await victim.crash()
        const successor = newManager(victim.name)
        world.managers = world.managers.map((manager) => (manager === victim ? successor : manager))
      },
    })
  }
}
