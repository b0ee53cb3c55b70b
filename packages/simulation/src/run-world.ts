import { inspect } from 'node:util'
import { HOSTNAMES, IDS } from './cast.ts'
import { act } from './deeds.ts'
import { LIMITS } from './limits.ts'
import type { Replica } from './replica.ts'
import type { Question, Request } from './request.ts'
import { judge } from './verdict/judge.ts'
import { watch } from './verdict/watch.ts'
import type { Promised, Violation } from './violation.ts'
import type { World } from './world.ts'

/** For how long the world is left alone in the end, in milliseconds: two sweeps, and a full look of the reconciler. */
const QUIET_MS = { core: 2.2 * LIMITS.sweepMs, whole: 12_000 }

/** How long requests are repeated in the end: the longest back-off. */
const ROUNDS = 4
const ROUND_MS = 10_000

/** What became of a world. */
export interface Outcome {
  readonly violations: readonly Violation[]
  readonly history: readonly string[]
  readonly steps: number
  readonly requests: number
  /** How many requests were given a tenant. */
  readonly served: number
  /** What the others were refused with. */
  readonly codes: readonly string[]
}

export interface RunOptions {
  /** How many things are begun at most. */
  readonly actions?: number | undefined
  /** It is over when one of these is broken. */
  readonly until?: readonly Promised[] | undefined
}

/** Runs a world, and judges it. It does not reject: what a step throws is a violation, lest its history be lost. */
export async function runWorld(world: World, options: RunOptions = {}): Promise<Outcome> {
  const { schedule, replicas, violations } = world
  try {
    await live(world, options)
    judge(world)
  } catch (error) {
    world.violate('STEP', `step ${schedule.steps} threw ${inspect(error)}`)
  }
  const requests = replicas.flatMap((replica) => replica.requests)
  return {
    violations,
    history: world.history.lines,
    steps: schedule.steps,
    requests: requests.length,
    served: requests.filter(({ outcome }) => outcome?.site !== undefined).length,
    codes: [...new Set(requests.flatMap(({ outcome }) => outcome?.code ?? []))],
  }
}

/** Lets everything happen at once, by chance; then nothing goes wrong any more, and all has to come right. */
async function live(world: World, options: RunOptions): Promise<void> {
  const { schedule, violations } = world
  const isOver = (): boolean => violations.some(({ promised }) => options.until?.includes(promised))
  const acts = Math.min(world.temper.actions, options.actions ?? Number.POSITIVE_INFINITY)

  world.beginFaults()
  for (let left = acts; left > 0 && !isOver(); ) {
    await schedule.step(() => {
      left -= 1
      act(world)
    })
    watch(world)
  }
  if (!isOver()) await end(world)
}

/** In the end every replica serves the newest configuration, and nothing old is held by any, asked for or not. */
async function end(world: World): Promise<void> {
  const { schedule, replicas } = world
  schedule.note('from now on nothing goes wrong')
  await schedule.take(() => world.endFaults())
  await schedule.run(world.quietMs ?? QUIET_MS.core)
  for (const manager of world.managers) {
    if (manager.isBusy) world.violate('END', `${manager.name} has not come to an end`)
  }
  await world.judgeStore?.()
  for (const replica of replicas) findOldTenants(world, replica)

  let wanting = replicas.flatMap((replica) => questions().map((question) => ({ replica, question })))
  for (let round = 0; wanting.length > 0; round += 1) {
    const asked: { replica: Replica; question: Question; request: Request }[] = []
    await schedule.take(() => {
      for (const one of wanting) asked.push({ ...one, request: one.replica.serve(one.question) })
    })
    await schedule.run(LIMITS.buildTimeoutMs)
    wanting = asked.filter(({ request }) => findProblem(world, request) !== undefined)
    if (wanting.length === 0) break
    if (round === ROUNDS) {
      for (const { replica, request } of asked) {
        const problem = findProblem(world, request)
        if (problem !== undefined) world.violate('END', `${replica.name}, asked in the end, ${problem}`)
      }
      break
    }
    await schedule.run(ROUND_MS)
  }
  watch(world)
  await closeAll(world)
}

function questions(): Question[] {
  return [
    ...IDS.map((id): Question => ({ kind: 'tenant', id })),
    ...HOSTNAMES.map((hostname): Question => ({ kind: 'host', headers: [hostname], hostname })),
  ]
}

/** What is wrong with what a request was given in the end. Undefined: nothing. */
function findProblem({ records }: World, { question, outcome }: Request): string | undefined {
  const name = question.kind === 'tenant' ? question.id : (question.hostname as string)
  const id = question.kind === 'tenant' ? name : records.ownerOf(name)
  const state = id === undefined ? undefined : records.latest(id)
  const isThere = state?.hostnames !== undefined
  if (outcome?.site !== undefined && isThere && outcome.site.state === state) return undefined
  if (outcome?.code === 'TENANTRY_ERR_TENANT_NOT_FOUND' && !isThere) return undefined
  const expected = isThere ? `${state.id}, version ${state.version}` : '404'
  return `answered ${name} with ${outcome?.site?.name ?? outcome?.code ?? 'nothing'}, expected ${expected}`
}

/** Replicas without traffic take restarts up, too: nothing old lies in wait for the day the store fails. */
function findOldTenants(world: World, { name, pool }: Replica): void {
  const { held } = world.wall
  for (const [id, tenant] of pool.held()) {
    if (tenant.token === held.get(world.modules.core.tenantKey(id)) && tenant.all === held.get('all'))
      continue
    world.violate(
      'END',
      `${name} still holds ${id} under ${world.history.name(tenant.token)}, which has been replaced`,
    )
  }
}

async function closeAll(world: World): Promise<void> {
  const { schedule, replicas } = world
  let closed = 0
  await schedule.take(() => {
    for (const { pool } of replicas) void pool.close().then(() => (closed += 1))
  })
  await schedule.run(LIMITS.drainTimeoutMs)
  if (closed < replicas.length) world.violate('G3', `${replicas.length - closed} pools have not closed`)
  for (const { sites } of replicas) {
    for (const { name, disposals } of sites) {
      if (disposals === 0) world.violate('G3', `${name} has never been disposed of`)
    }
  }
}
