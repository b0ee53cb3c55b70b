import { ALL, type TokenKey } from '@tenantry/core'
import type { Operation } from '../connection.ts'
import type { Commit } from '../records.ts'
import type { Site } from '../site.ts'
import { isChecked, type Judged, stampOf } from './judged.ts'

/**
 * G1: a request whose checks were answered is served what was read after every restart that had resolved when it came
 * in; and is answered 404 only if, as far as it has to know, the tenant may not exist, or the host may be nobody's.
 *
 * Where the store has come back with an older state, and so has forgotten an acknowledged write, that write is only
 * promised to take effect soon: which is what the end is for. What was written before that state was saved is no such
 * write.
 */
export function judgeFreshness(judged: Judged): void {
  const { site, code } = judged.outcome
  if (site !== undefined) {
    for (const [key, token] of stampOf(judged, site)) judgeOwnCheck(judged, { site, key, token })
  }
  if (!isChecked(judged)) return
  if (code === 'TENANTRY_ERR_TENANT_NOT_FOUND') judgeNotFound(judged)
  if (site === undefined) return
  judgeRestarts(judged, site)
  judgeVersion(judged, site)
}

function judgeRestarts({ world, request, answered }: Judged, site: Site): void {
  const { wall, announcements, modules } = world
  for (const { tokens, resolved } of announcements) {
    if (resolved > request.arrived) continue
    for (const key of [modules.core.tenantKey(site.id), ALL]) {
      const token = tokens.get(key)
      if (token === undefined) continue
      const landing = wall.landingOf(token) ?? Number.POSITIVE_INFINITY
      if (site.readMoment > landing || wall.hasLost(token, answered)) continue
      const restart = `the restart of ${key} by ${world.history.name(token)}`
      world.violate('G1', `${request.name} was given ${site.name}, read before ${restart} that had resolved`)
    }
  }
}

/**
 * R4: what a request's own check has found is not what it was given: neither another token (G1) nor none (G5). Its own
 * check is one of the reads that began after it came in. Each key's answer counts, whatever became of the others'.
 */
function judgeOwnCheck(
  { world, replica, request, answered }: Judged,
  { site, key, token }: { site: Site; key: TokenKey; token: string },
): void {
  const isOfRequest = ({ kind, sent, told, answers }: Operation): boolean =>
    kind === 'read' && sent > request.arrived && (told ?? answered) < answered && answers.has(key)
  const own = replica.connection.operations.filter(isOfRequest)
  const [first] = own
  if (first === undefined || site.readMoment > first.sent) return
  if (own.some(({ answers }) => answers.get(key) === token)) return
  const isMissing = own.every(({ answers }) => answers.get(key) === null)
  world.violate(
    isMissing ? 'G5' : 'G1',
    `${request.name} was given ${site.name}, although ${key} was found ${isMissing ? 'absent' : 'changed'}`,
  )
}

/** What had been committed, and announced, when a request came in is in what it is given. */
function judgeVersion({ world, request, answered }: Judged, site: Site): void {
  for (const { ids, committed, tokens, resolved } of world.announcements) {
    if (resolved > request.arrived || !ids.includes(site.id) || site.state.moment >= committed) continue
    if ([...tokens.values()].some((token) => world.wall.hasLost(token, answered))) continue
    world.violate('G1', `${request.name} was given ${site.name}, although a later version had been announced`)
  }
}

function judgeNotFound(judged: Judged): void {
  const { world, request, answered } = judged
  const { records } = world
  const { question } = request
  const name = question.kind === 'tenant' ? question.id : question.hostname
  const isOfIt = ({ ids, hosts }: Commit): boolean =>
    question.kind === 'tenant' ? ids.includes(question.id) : hosts.includes(name as string)
  const commits = records.commits.filter((commit) => commit.moment < answered && isOfIt(commit))
  // While something is being changed, or it is not known whether all have heard of it, either is right.
  if (commits.some((commit) => !isAnnounced(judged, commit) || isForgotten(judged, commit))) return
  const isThere =
    question.kind === 'tenant'
      ? records.hostnamesAt(question.id, answered) !== undefined
      : records.ownerAt(name as string, answered) !== undefined
  if (isThere) world.violate('G1', `${request.name} was answered 404, although ${name} had been announced`)
}

/** Whether all tokens by which a commit is told, or later ones, had been written before a request came in. */
function isAnnounced({ world, request }: Judged, commit: Commit): boolean {
  return commit.keys.every((key) =>
    world.announcements.some(
      ({ committed, resolved, tokens }) =>
        committed >= commit.moment && resolved < request.arrived && tokens.has(key),
    ),
  )
}

/** Whether the store has lost a token by which a commit was told, or a later one of the same key. */
function isForgotten({ world, answered }: Judged, { moment, keys }: Commit): boolean {
  return world.announcements.some(
    ({ committed, tokens }) =>
      committed >= moment && keys.some((key) => world.wall.hasLost(tokens.get(key), answered)),
  )
}
