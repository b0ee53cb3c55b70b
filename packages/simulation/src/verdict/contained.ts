import { ALL } from '@tenantry/core'
import { LIMITS } from '../limits.ts'
import type { Attempt } from '../loader.ts'
import { idsOf, isChecked, type Judged } from './judged.ts'

/** The longest back-off, and the longest build, in milliseconds. */
const MAX_BACK_OFF_MS = 30_000 + LIMITS.buildTimeoutMs

/**
 * G7: a request is refused with 503 for a reason of its own: because its own tenant, or its own host, could not be had a
 * short time ago, or because the store has failed while it was there. And not for a failure that came before a restart
 * that had resolved when it came in.
 */
export function judgeContainment(judged: Judged): void {
  const { world, request, outcome } = judged
  const { code } = outcome
  if (code === undefined || isReason(judged, code)) return
  world.violate('G7', `${request.name} was answered ${code}, for no reason of its own`)
}

function isReason(judged: Judged, code: string): boolean {
  const { world, request } = judged
  switch (code) {
    case 'TENANTRY_ERR_TENANT_NOT_FOUND':
    case 'TENANTRY_ERR_HOST_INVALID':
      return true
    case 'TENANTRY_ERR_BUILD_QUEUE_FULL':
      // There are more tenants than so many.
      return world.temper.maxTenants < 10
    case 'TENANTRY_ERR_STORE_UNREACHABLE':
      return !isChecked(judged)
    case 'TENANTRY_ERR_LOOKUP_FAILED': {
      const { question } = request
      return hasFailed(
        judged,
        ({ kind, of }) => kind === 'lookup' && question.kind === 'host' && of === question.hostname,
      )
    }
    case 'TENANTRY_ERR_BUILD_FAILED': {
      const ids = idsOf(judged)
      return hasFailed(judged, ({ kind, of, began }) => {
        return kind !== 'lookup' && ids.includes(of) && began > lastRestart(judged, of)
      })
    }
    default:
      return false
  }
}

function hasFailed(
  { replica, answered, answeredAt }: Judged,
  isOfIt: (attempt: Attempt) => boolean,
): boolean {
  return replica.attempts.some(
    (attempt) =>
      attempt.hasFailed === true &&
      (attempt.ended ?? answered) < answered &&
      answeredAt - (attempt.endedAt ?? 0) <= MAX_BACK_OFF_MS &&
      isOfIt(attempt),
  )
}

/** When the last restart of a tenant came to be in the store that had resolved when the request came in: a new token ends the back-off. */
function lastRestart(judged: Judged, id: string): number {
  const { world, request } = judged
  // Where the store has forgotten a token, there may be none again, as there was none at the failure.
  if (!isChecked(judged)) return 0
  const keys = [world.modules.core.tenantKey(id), ALL]
  if (
    world.wall.changes.some(
      ({ key, token, moment }) => token === null && keys.includes(key) && moment < judged.answered,
    )
  )
    return 0
  let last = 0
  for (const { tokens, resolved } of world.announcements) {
    if (resolved > request.arrived) continue
    for (const key of keys) {
      const token = tokens.get(key)
      // With what the store has lost, the tokens of the failure may have come back.
      if (world.wall.hasLost(token, judged.answered)) continue
      last = Math.max(last, world.wall.landingOf(token) ?? 0)
    }
  }
  return last
}
