import { newToken, type TokenKey, tenantKey } from '@tenantry/core'
import type { Database } from '../../../src/index.ts'
import { forgetAll, readChronicle } from './chronicle.ts'
import { type Faults, FaultyDatabase } from './faulty-database.ts'
import { FaultyStore } from './faulty-store.ts'
import { type Deeds, HOSTNAMES, IDS, Manager } from './manager.ts'
import { type Question, Replica } from './replica.ts'
import { Schedule } from './schedule.ts'
import { newestProblems, problemsOf, settledProblems, unmarkedProblems } from './verdict.ts'

/** Connections that outlive a world: one set for each manager, one for the replicas, and one that watches. */
export interface Connections {
  readonly managers: readonly Database[]
  readonly replicas: Database
  readonly watcher: Database
}

/** How many things are begun. */
const ACTIONS = 100
/** A reconciler's every tenth look is a full one. */
const LOOKS = 11

/** Lets everything happen at once, by chance, and resolves to what came out wrong. */
export async function runWorld(
  seed: number,
  { managers, replicas, watcher }: Connections,
): Promise<string[]> {
  const schedule = new Schedule(seed, countBlocked)
  const { random } = schedule
  const store = new FaultyStore(schedule)
  const faults: Faults = { isFaulty: false, open: new Set() }
  const deeds: Deeds = { began: [], done: [], wrong: [] }
  const faulty = (database: Database) => new FaultyDatabase(database, schedule, faults)
  const allManagers = managers.map((database) => new Manager(store, schedule, faulty(database), deeds))
  const allReplicas = [0, 1].map(() => new Replica(store, schedule, faulty(replicas)))
  /** Half of the worlds have a store that forgets nothing it has acknowledged. */
  const forgets = random.chance(0.5)
  const problems: string[] = []

  async function countBlocked(): Promise<number> {
    const { rows } = await watcher.query<{ count: number }>(
      // A lock is granted to whoever waits for it before whoever held it is answered.
      'select count(distinct pid)::integer as count from pg_locks where not granted',
    )
    return rows[0]?.count ?? 0
  }

  const [first] = allManagers as [Manager, ...Manager[]]

  async function request(): Promise<void> {
    const { random } = schedule
    const question: Question = random.chance(0.5)
      ? { kind: 'host', name: random.pick(HOSTNAMES) }
      : { kind: 'tenant', name: random.pick(IDS) }
    await schedule.step()
    // Whatever else it meets with says nothing of a tenant.
    await random
      .pick(allReplicas)
      .answer(question)
      .catch(() => {})
  }

  async function act(): Promise<void> {
    await schedule.random.pick(allManagers).act()
    // It is those who come right after it that must not be served what was before.
    for (const _ of IDS) void schedule.begin(request)
  }

  function reconcile(): Promise<unknown> {
    return schedule.random.pick(allManagers).reconciler.runOnce()
  }

  async function kill(): Promise<void> {
    if (faults.open.size === 0) return
    const pid = schedule.random.pick([...faults.open])
    await schedule.during(() => watcher.query('select pg_terminate_backend($1, 5000)', [pid]))
  }

  /** As an operator does, or a restored backup: a new value, but what it looks like is anybody's. */
  async function setByHand(): Promise<void> {
    const { random } = schedule
    const key = random.pick<TokenKey>([...IDS.map(tenantKey), 'all', 'all-hosts'])
    const id = /^\d+/.exec(store.held.get(key) ?? '')?.[0] ?? ''
    await store.land(key, random.pick([newToken(), `${id}-${newToken()}`, `${id}7.${newToken().slice(1)}`]))
  }

  async function forget(): Promise<void> {
    if (!forgets) return
    await (schedule.random.chance(0.5) ? store.flush() : store.failOver())
  }

  async function pass(ms: number): Promise<void> {
    for (const { clock } of allReplicas) clock.advance(ms)
  }

  /** Begins something, and lets everything happen until it is done. */
  async function finish(work: () => Promise<unknown>): Promise<void> {
    let isDone = false
    const working = schedule.begin(work).finally(() => {
      isDone = true
    })
    while (!isDone || !schedule.isOver) {
      if (schedule.hasSteps) schedule.takeStep()
      await schedule.settle()
    }
    await working
  }

  const chances: readonly [number, () => Promise<unknown>][] = [
    [40, act],
    [30, request],
    [14, reconcile],
    [6, kill],
    [4, setByHand],
    [2, forget],
    [4, async () => store.remember()],
    [6, () => pass(600)],
  ]
  const actions = chances.flatMap(([weight, action]) => Array<typeof action>(weight).fill(action))

  await forgetAll(watcher)
  await finish(() => first.begin())
  faults.isFaulty = true
  store.isFaulty = true
  for (let left = ACTIONS; left > 0 || !schedule.isOver; ) {
    if (left > 0 && (!schedule.hasSteps || random.chance(0.2))) {
      left -= 1
      void schedule.begin(random.pick(actions))
    } else if (schedule.hasSteps) schedule.takeStep()
    await schedule.settle()
    if (random.chance(0.05)) problems.push(...(await unmarkedProblems(watcher, store)))
  }

  faults.isFaulty = false
  store.isFaulty = false
  await finish(() => pass(30_000))
  for (let look = 0; look < LOOKS; look += 1) {
    await finish(async () => {
      const outcome = await first.reconciler.runOnce()
      if (outcome !== 'done') problems.push(`A look without faults was ${outcome}`)
    })
  }
  problems.push(...(await settledProblems(watcher, store)))
  const chronicle = await readChronicle(watcher)
  for (const replica of allReplicas) {
    await finish(async () => {
      problems.push(...(await newestProblems(chronicle, replica, { ids: IDS, hostnames: HOSTNAMES })))
    })
  }
  problems.push(
    ...problemsOf({ chronicle, deeds, store, answered: allReplicas.flatMap((one) => one.answered) }),
  )
  for (const replica of allReplicas) await replica.close()
  return problems
}
