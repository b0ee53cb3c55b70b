import { ALL, ALL_HOSTS, type Token, type TokenKey } from '@tenantry/core'
import type { Replica } from '../replica.ts'
import type { Outcome, Request } from '../request.ts'
import type { Site } from '../site.ts'
import type { World } from '../world.ts'

/** A request that was answered, and all that there is to judge it by. */
export interface Judged {
  readonly world: World
  readonly replica: Replica
  readonly request: Request
  readonly outcome: Outcome
  readonly answered: number
  readonly answeredAt: number
}

/**
 * Whether all that the replica asked of the store about a request's tenant or host while the request was there was
 * answered: then G1 speaks for it. What became of anybody else's key is no excuse.
 */
export function isChecked(judged: Judged): boolean {
  const { replica, request, answered } = judged
  const keys = keysOf(judged)
  return (
    request.wasReachable &&
    !replica.connection.troubles.some(
      (trouble) =>
        trouble.moment > request.arrived &&
        trouble.moment < answered &&
        (trouble.keys?.some((key) => keys.includes(key)) ?? true),
    )
  )
}

/** Whom a request may be for: by a host, whoever has had that. */
export function idsOf({ world, request }: Judged): readonly string[] {
  const { question } = request
  if (question.kind === 'tenant') return [question.id]
  return world.ids.filter((id) => world.records.hasHad(id, question.hostname ?? ''))
}

/** The keys that speak for whom a request may be for. */
function keysOf(judged: Judged): readonly TokenKey[] {
  const { world, request } = judged
  const keys = [...idsOf(judged).map((id) => world.modules.core.tenantKey(id)), ALL]
  return request.question.kind === 'host' ? [...keys, ALL_HOSTS] : keys
}

/** The keys that speak for a tenant, with the tokens it was stamped with, as far as they are known. */
export function stampOf({ world }: Judged, site: Site): [TokenKey, Token][] {
  const key = world.modules.core.tenantKey(site.id)
  const stamp: [TokenKey, Token | undefined][] = [
    [key, site.token],
    [ALL, site.all],
  ]
  return stamp.filter((one): one is [TokenKey, Token] => one[1] !== undefined)
}
