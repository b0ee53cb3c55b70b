import { ALL, ALL_HOSTS, type TokenKey } from '@tenantry/core'
import { STRANGERS } from '../cast.ts'
import { LIMITS } from '../limits.ts'
import type { Attempt } from '../loader.ts'
import type { Replica } from '../replica.ts'
import type { World } from '../world.ts'

/** How long a first failure keeps a tenant from being built again, in milliseconds. */
const FIRST_BACK_OFF_MS = 500

/**
 * G8: what nobody knows has no token of its own, and the authority is asked about it once in `unknownForMs`.
 * G7: what has failed is tried again only after some time.
 *
 * Both only while nothing that speaks for it has changed; and in worlds whose pools are too small for all tenants,
 * neither is remembered for sure.
 */
export function judgeBoundedness(world: World, replica: Replica): void {
  for (const id of STRANGERS) {
    const key = world.modules.core.tenantKey(id)
    if (world.wall.changes.some((change) => change.key === key)) {
      world.violate('G8', `${id}, which nobody knows, has got a token`)
    }
  }
  if (world.temper.maxTenants < 10) return
  const { attempts } = replica
  for (const [index, again] of attempts.entries()) {
    if (again.kind === 'create') continue
    const before = attempts.slice(0, index).findLast((one) => isAlike(one, again) && one.ended !== undefined)
    if (before?.ended === undefined || before.ended > again.began) continue
    const passed = again.beganAt - (before.endedAt as number)
    // A request whose hint has led to a tenant that cannot be built may ask once to be sure, and once more to remember.
    const first =
      again.kind === 'lookup'
        ? attempts.slice(0, attempts.indexOf(before)).findLast((one) => isAlike(one, again))
        : before
    const isKnown = before.isUnknown === true && first?.isUnknown === true
    const isOfLate = again.beganAt - (first?.endedAt ?? 0) < LIMITS.unknownForMs
    if (first !== undefined && isKnown && isOfLate && hasStayed(world, replica, [first, again])) {
      world.violate('G8', `${replica.name} asked again for ${again.of} after ${passed} ms, which was unknown`)
    }
    // A lookup that fails is tried again at once; and so is a load whose back-off some other failure has ended.
    const isRetried = before.hasFailed && again.kind === 'load' && passed < FIRST_BACK_OFF_MS
    if (isRetried && hasStayed(world, replica, [before, again])) {
      world.violate('G7', `${replica.name} tried ${again.of} again after ${passed} ms`)
    }
  }
}

/** Of the same tenant, by `load` or `create`; or of the same host. */
function isAlike(one: Attempt, other: Attempt): boolean {
  return one.of === other.of && (one.kind === 'lookup') === (other.kind === 'lookup')
}

/**
 * Whether all tokens that speak for it have been the same for all who may have asked: from when the first of the
 * requests came in that were there at the first attempt.
 */
function hasStayed(world: World, replica: Replica, [before, again]: readonly [Attempt, Attempt]): boolean {
  const keys: TokenKey[] =
    again.kind === 'lookup' ? [ALL_HOSTS] : [world.modules.core.tenantKey(again.of), ALL, ALL_HOSTS]
  const isBetween = (moment: number): boolean => moment > since && moment < again.began
  const since = Math.min(
    ...replica.requests
      .filter(({ arrived, answered }) => arrived < before.began && (answered ?? again.began) > before.began)
      .map(({ arrived }) => arrived),
  )
  return (
    !replica.connection.troubles.some(({ moment }) => isBetween(moment)) &&
    !world.wall.changes.some(({ key, moment }) => keys.includes(key) && isBetween(moment))
  )
}
