import { HOSTNAMES, IDS } from './cast.ts'
import { LifecycleManager } from './lifecycle-manager.ts'
import type { Modules } from './modules.ts'
import type { Temper } from './temper.ts'
import { World } from './world.ts'

/** A small world: replicas, the store, and a manager that has a simple authority and repeats what has failed. */
export function newCoreWorld(seed: number, modules: Modules, temper?: Partial<Temper>): World {
  const world = new World(seed, modules, temper)
  world.managers = [new LifecycleManager('manager', world)]
  for (const [index, id] of IDS.slice(0, -1).entries()) {
    world.records.commit(new Map([[id, [HOSTNAMES[index] as string]]]), [])
  }
  return world
}
