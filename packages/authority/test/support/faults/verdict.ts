import { ALL, ALL_HOSTS } from '@tenantry/core'
import type { Database } from '../../../src/index.ts'
import { type Chronicle, type HostState, isOf, type NotedRestart, type TenantState } from './chronicle.ts'
import type { FaultyStore } from './faulty-store.ts'
import type { Deeds, Done } from './manager.ts'
import type { Answered, Question, Replica } from './replica.ts'

/** All that has been seen of a world. */
export interface Seen {
  readonly chronicle: Chronicle
  readonly deeds: Deeds
  readonly store: FaultyStore
  readonly answered: readonly Answered[]
}

/** Whether what the history calls written has ever been in the store. */
export async function unmarkedProblems(watcher: Database, store: FaultyStore): Promise<string[]> {
  const { rows } = await watcher.query<{ id: number; key: string }>(
    `select max(id)::float8 as id, token_key as key from tenantry.restarts
     where written_at is not null group by token_key`,
  )
  const isInvented = ({ id, key }: { id: number; key: string }): boolean =>
    !store.landings.some((landing) => landing.key === key && landing.restart >= id)
  return rows.filter(isInvented).map(({ id, key }) => `${key} ${id} is noted, and was never written`)
}

/** Whether the store holds a token of each key's last restart, and the history has nothing that is not written. */
export async function settledProblems(watcher: Database, store: FaultyStore): Promise<string[]> {
  const current = await watcher.query<{ id: string; key: string }>(
    'select restart_id::text as id, token_key as key from tenantry.current_restarts',
  )
  const unwritten = await watcher.query<{ id: string; key: string }>(
    'select id::text, token_key as key from tenantry.restarts where written_at is null',
  )
  return [
    ...current.rows
      .filter(({ id, key }) => store.held.get(key)?.startsWith(`${id}.`) !== true)
      .map(({ id, key }) => `${key} holds ${store.held.get(key)} in the end, not ${id}.`),
    ...unwritten.rows.map(({ id, key }) => `${key} ${id} is not noted as written in the end`),
  ]
}

/** Whether a replica serves the newest of everything. */
export async function newestProblems(
  { tenants, hosts }: Chronicle,
  replica: Replica,
  { ids, hostnames }: { ids: readonly string[]; hostnames: readonly string[] },
): Promise<string[]> {
  const newest = (id: string | null | undefined) => {
    const state = tenants.findLast((one) => one.id === id)
    return state?.version == null ? '404' : `${id} ${state.born}/${state.version}`
  }
  const expected: [Question, string][] = [
    ...ids.map((name): [Question, string] => [{ kind: 'tenant', name }, newest(name)]),
    ...hostnames.map((name): [Question, string] => [
      { kind: 'host', name },
      newest(hosts.findLast(({ hostname }) => hostname === name)?.owner),
    ]),
  ]
  const problems = expected.map(async ([question, wanted]) => {
    const served = await replica.answer(question).then(describe, (error) => String(error))
    return served === wanted ? [] : [`In the end ${question.name} is served ${served}, not ${wanted}`]
  })
  return (await Promise.all(problems)).flat()
}

export function problemsOf(seen: Seen): string[] {
  return [
    ...seen.deeds.wrong.map((error) => `An operation failed: ${error}`),
    ...seen.store.sentTwice.map((token) => `R5: ${token} was sent twice`),
    ...orderProblems(seen.chronicle),
    ...hostsLastProblems(seen),
    ...seen.answered.flatMap((answered) => staleProblems(seen, answered)),
  ]
}

function describe({ tenant }: Answered): string {
  return tenant === undefined ? '404' : `${tenant.id} ${tenant.born}/${tenant.version}`
}

/** The ids of one key are in the order of the commits. */
function orderProblems({ restarts }: Chronicle): string[] {
  const before = new Map<string, number>()
  return restarts.flatMap(({ key, id }) => {
    const last = before.get(key) ?? 0
    before.set(key, id)
    return id > last ? [] : [`${key} ${id} was committed after ${last}`]
  })
}

/** Where a change is one of the set of hosts, its own tokens come to be in the store in their order. */
function hostsLastProblems({ deeds, store: { landings } }: Seen): string[] {
  return deeds.done.flatMap(({ restarts, tokens }) => {
    if (!restarts.some(({ key }) => key === ALL_HOSTS)) return []
    const moments = restarts.map(
      ({ key }) =>
        landings.find(({ token }) => token === tokens?.get(key))?.moment ?? Number.POSITIVE_INFINITY,
    )
    const isSorted = moments.every((moment, index) => index === 0 || moment >= (moments[index - 1] ?? 0))
    return isSorted ? [] : [`${restarts.map(({ key }) => key)} were written in another order: at ${moments}`]
  })
}

/** G1: what was restarted before a request arrived is what the request is served, or something newer. */
function staleProblems(seen: Seen, answered: Answered): string[] {
  if (!answered.isChecked) return []
  const { chronicle } = seen
  const { tenant, kind, name, from, until } = answered
  const promised = seen.deeds.done.filter(
    ({ written }) =>
      written !== undefined &&
      written.ended < from &&
      !seen.store.forgotten.some((moment) => moment > written.began && moment < until),
  )
  const tell = (expected: string): string[] => [
    `G1: at ${from} to ${until}, ${name} was served ${describe(answered)}, expected ${expected}`,
  ]
  /** Whether what was committed so may have been known to the request. */
  const isBegun = ({ tx }: TenantState | HostState): boolean => {
    const op = chronicle.restarts.find((restart) => restart.tx === tx)?.op
    return op !== undefined && (seen.deeds.began[op] ?? 0) < until
  }

  if (kind === 'host') {
    const floor = hostFloor(seen, promised, name)
    const later = chronicle.hosts.filter(
      (state) =>
        state.hostname === name && floor !== undefined && state.number > floor.number && isBegun(state),
    )
    const owners = [floor, ...later, ...unawareOwners(seen, promised, name)].map(
      (state) => state?.owner ?? undefined,
    )
    // While a host name moves, its new owner may not know of it yet.
    const isServed = owners.includes(tenant?.id) || (tenant === undefined && later.length > 0)
    if (floor !== undefined && !isServed) return tell(`one of ${owners.join(', ')}`)
    if (tenant === undefined) return []
  }

  const id = tenant?.id ?? name
  const floor = tenantFloor(seen, promised, id)
  const candidates = chronicle.tenants.filter(
    (state) => state.id === id && state.number >= (floor?.number ?? 0) && isBegun(state),
  )
  if (tenant === undefined && (floor === undefined || candidates.some(({ version }) => version === null)))
    return []
  if (candidates.some(({ born, version }) => born === tenant?.born && version === tenant?.version)) return []
  return tell(`${floor?.born}/${floor?.version} or newer`)
}

/** The oldest state of a tenant that may be served. */
function tenantFloor(seen: Seen, promised: readonly Done[], id: string): TenantState | undefined {
  const { tenants, restarts } = seen.chronicle
  const numbers = promised.flatMap((done) => {
    const own = numberOf(done)
    if (!done.restarts.some(({ key }) => key === ALL)) return own
    // All tenants: whatever was known to be committed when it was asked for.
    return [...own, ...seen.deeds.done.filter((before) => before.committed < done.began).flatMap(numberOf)]
  })
  const floor = Math.max(0, ...numbers)
  return tenants.findLast((state) => state.id === id && state.number <= floor)

  function numberOf(done: Done): number[] {
    return restarts
      .filter((restart) => isOf(restart, id) && done.restarts.some((one) => Number(one.id) === restart.id))
      .map(({ number }) => number)
  }
}

/** The oldest owner of a host name that may be served. */
function hostFloor(seen: Seen, promised: readonly Done[], hostname: string): HostState | undefined {
  const changes = promisedChanges(seen, promised)
  return seen.chronicle.hosts.findLast((state) => state.hostname === hostname && changes.has(state.tx))
}

/** Earlier owners who may not know that they have lost a host name: the change that took it is not known to be written. */
function unawareOwners(seen: Seen, promised: readonly Done[], hostname: string): HostState[] {
  const changes = promisedChanges(seen, promised)
  const states = seen.chronicle.hosts.filter((state) => state.hostname === hostname)
  return states.filter(({ owner }, index) => {
    const loss = states[index + 1]
    if (owner === null || loss === undefined || changes.has(loss.tx)) return false
    return (tenantFloor(seen, promised, owner)?.number ?? 0) < loss.number
  })
}

/** The changes of hosts that requests must know of. */
function promisedChanges({ chronicle }: Seen, promised: readonly Done[]): ReadonlySet<number> {
  const written = new Set(promised.flatMap((done) => done.restarts.map(({ id }) => Number(id))))
  const isWritten = ({ id, key }: NotedRestart): boolean => key === ALL_HOSTS && written.has(id)
  return new Set(chronicle.restarts.filter(isWritten).map(({ tx }) => tx))
}
