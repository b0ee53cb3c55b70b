import { ALL, type TokenKey } from '@tenantry/core'
import type { Operation } from '../connection.ts'
import { LIMITS } from '../limits.ts'
import type { Site } from '../site.ts'
import { type Judged, stampOf } from './judged.ts'

/** G6: what is served while the store does not answer, and what is not. */
export function judgeUnchecked(judged: Judged): void {
  const { site } = judged.outcome
  if (site !== undefined) {
    for (const [key, token] of stampOf(judged, site)) judgeFoundToDiffer(judged, { site, key, token })
    judgeAge(judged, site)
  }
  judgeRefusal(judged)
}

/**
 * A tenant that was once found to differ is not given to a request that came in later (where its token was missing:
 * G5). Found: by an answer that the replica has been told, and that was asked for after the stamp was, and looked at after
 * it, too: what overtakes another answer on its way may know less.
 */
function judgeFoundToDiffer(
  { world, replica, request }: Judged,
  { site, key, token }: { site: Site; key: TokenKey; token: string },
): void {
  let stamped = 0
  for (const { sent, landed, answers } of replica.connection.operations) {
    if (sent > site.readMoment || answers.get(key) !== token) continue
    stamped = Math.max(stamped, sent, landed.get(key) ?? 0)
  }
  const finding = replica.connection.operations.find(
    ({ kind, sent, told, landed, answers }) =>
      kind === 'read' &&
      sent > stamped &&
      (landed.get(key) ?? 0) > stamped &&
      told !== undefined &&
      told < request.arrived &&
      answers.has(key) &&
      answers.get(key) !== token,
  )
  if (stamped === 0 || finding === undefined) return
  const found = finding.answers.get(key) ?? null
  world.violate(
    found === null ? 'G5' : 'G6',
    `${request.name} was given ${site.name}, after ${key} had been found to be ${world.history.name(found)}`,
  )
}

/** A tenant is served until `maxUncheckedMs` after its last answered check was asked for, and no longer. */
function judgeAge(judged: Judged, site: Site): void {
  const { world, replica, request, answered, answeredAt } = judged
  for (const [key, token] of stampOf(judged, site)) {
    let checkedAt = 0
    for (const { sentAt, told, answers } of replica.connection.operations) {
      if (told !== undefined && told < answered && answers.get(key) === token) {
        checkedAt = Math.max(checkedAt, sentAt)
      }
    }
    if (checkedAt >= Math.min(request.arrivedAt, answeredAt - LIMITS.maxUncheckedMs)) continue
    world.violate(
      'G6',
      `${request.name} was given ${site.name}, unchecked since ${answeredAt - checkedAt} ms`,
    )
  }
}

/**
 * While the store is known to be unreachable, nobody is told 404; and what is in memory, and was checked a short time
 * ago, is served: also to those who found the store unreachable only while they waited for it.
 */
function judgeRefusal({ world, replica, request, outcome, answered, answeredAt }: Judged): void {
  const { name, question, held, wasReachable, wasKept } = request
  const { code } = outcome
  if (code === undefined) return
  if (!wasReachable && code === 'TENANTRY_ERR_TENANT_NOT_FOUND') {
    world.violate('G6', `${name} was answered 404, while the store was unreachable`)
  }
  const isUnchecked = !wasReachable || code === 'TENANTRY_ERR_STORE_UNREACHABLE'
  if (!isUnchecked || held === undefined || !wasKept || question.kind !== 'tenant') return
  const key = world.modules.core.tenantKey(question.id)
  const built = replica.builds.findLast(
    ({ id, token, moment }) => id === question.id && token === held.token && moment < answered,
  )
  const isFresh = ({ kind, sent, sentAt, told, answers }: Operation): boolean =>
    kind === 'read' &&
    sent > (built?.moment ?? Number.POSITIVE_INFINITY) &&
    (told ?? answered) < answered &&
    answeredAt - sentAt <= LIMITS.maxUncheckedMs &&
    answers.get(key) === held.token &&
    answers.get(ALL) === held.all
  if (replica.connection.operations.some(isFresh)) {
    world.violate(
      'G6',
      `${name} was answered ${code}, although ${question.id} was in memory, and checked of late`,
    )
  }
}
