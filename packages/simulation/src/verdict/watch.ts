import { IDS, STRANGERS } from '../cast.ts'
import { LIMITS } from '../limits.ts'
import type { Replica } from '../replica.ts'
import type { World } from '../world.ts'

/** How many operations of the store a request may wait for, one after the other. */
const MAX_OPERATIONS = 8

/** What can be seen to be broken at any time. Called after each step, when all that follows from it has happened. */
export function watch(world: World): void {
  for (const replica of world.replicas) {
    watchBuilds(world, replica)
    watchSizes(world, replica)
    if (!replica.isRunning) continue
    watchWaits(world, replica)
    watchTimeLimits(world, replica)
    watchDrains(world, replica)
  }
}

/**
 * G4: one build of a tenant at a time, and so many in all; those count whose signal has not fired. Questions about what
 * may not exist have as many slots of their own.
 */
function watchBuilds(world: World, { name, loader: { live }, pool }: Replica): void {
  const { maxConcurrentBuilds } = world.temper
  if (live.size > 0) {
    const builds = new Set<string>()
    let creates = 0
    for (const { kind, of } of live) {
      if (kind === 'create') creates += 1
      if (kind === 'lookup') continue
      if (builds.has(of)) world.violate('G4', `${name} builds ${of} twice at a time`)
      builds.add(of)
    }
    if (creates > maxConcurrentBuilds || live.size > 2 * maxConcurrentBuilds) {
      world.violate('G4', `${name} has ${creates} creates, and ${live.size} questions and creates in all`)
    }
  }
  const { buildsWaiting } = pool.stats()
  if (buildsWaiting > IDS.length + STRANGERS.length) {
    world.violate('G4', `${name} has ${buildsWaiting} builds waiting`)
  }
}

/** G4 again: at their time limit, builds and lookups make room for others. */
function watchTimeLimits(world: World, replica: Replica): void {
  const { now } = world.schedule
  for (const { kind, of, beganAt } of replica.loader.live) {
    if (now - beganAt <= LIMITS.buildTimeoutMs || isLate(replica)) continue
    world.violate('G4', `${replica.name} still wants ${kind} ${of} after ${now - beganAt} ms`)
  }
}

/** G8: the pool is no larger than it may be. */
function watchSizes(world: World, { name, pool }: Replica): void {
  const { tenants } = pool.stats()
  if (tenants > world.temper.maxTenants) world.violate('G8', `${name} holds ${tenants} tenants`)
}

/**
 * G6: once the store is known to be unreachable, no request that comes in waits for it; and none waits for longer than
 * several operations may take, one after the other. That bounds the sum: a single operation that takes longer than the
 * time limit may hide in it. While its replica builds or looks up anything, no wait is judged, since it may be that.
 */
function watchWaits(world: World, replica: Replica): void {
  const { schedule } = world
  const isBuilding = replica.loader.live.size > 0
  for (const request of replica.open) {
    if (!request.wasReachable) {
      world.violate('G6', `${request.name} waits, although the store is known to be unreachable`)
    }
    const since = Math.max(request.arrivedAt, replica.resumedAt, replica.loader.endedAt)
    if (isBuilding || schedule.now - since <= MAX_OPERATIONS * LIMITS.checkTimeoutMs || isLate(replica))
      continue
    world.violate('G6', `${request.name} has waited for the store for ${schedule.now - since} ms`)
  }
}

/** G3: what has left the pool is disposed of at the drain deadline, whoever holds it. */
function watchDrains(world: World, replica: Replica): void {
  const { now } = world.schedule
  if (isLate(replica)) return
  for (const { name, leases, disposals, leftBy } of replica.sites) {
    if (leases === 0 || disposals > 0 || leftBy === undefined || now <= leftBy + LIMITS.drainTimeoutMs)
      continue
    world.violate('G3', `${name} is still there ${now - leftBy} ms after it has left the pool`)
  }
}

/** Whether it has not yet done what the time has come for. */
function isLate(replica: Replica): boolean {
  return replica.isInTurn || (replica.nextTimerAt ?? Number.POSITIVE_INFINITY) <= replica.now()
}
