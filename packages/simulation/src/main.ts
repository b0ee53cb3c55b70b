import { parseArgs } from 'node:util'
import { describeFailure } from './describe-failure.ts'
import { shrink } from './shrink.ts'
import { type Kind, Simulation } from './simulation.ts'

/** Of so many worlds, one has an authority: they take longer. */
const WHOLE_EVERY = 20

/** More than are begun in any world. */
const MAX_ACTIONS = 120

const USAGE = `Runs replicas, store, authority and reconciler in one process, every step ordered by a seed.

  pnpm simulate --minutes 10 [--from SEED]                        as many seeds as there is time for
  pnpm simulate --seed SEED [--kind core|whole] [--actions COUNT] one of them, with its history
`

const simulation = new Simulation()
process.exitCode = await main()
await simulation.close()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string' },
      from: { type: 'string', default: '1' },
      kind: { type: 'string', default: 'core' },
      actions: { type: 'string' },
    },
  })
  if (values.seed !== undefined) {
    return await replay(
      kindOf(values.kind),
      numberOf(values.seed),
      numberOf(values.actions ?? `${MAX_ACTIONS}`),
    )
  }
  if (values.minutes !== undefined) return await search(numberOf(values.minutes), numberOf(values.from))
  await say(USAGE)
  return 0
}

/** Shows one world. */
async function replay(kind: Kind, seed: number, actions: number): Promise<number> {
  const outcome = await simulation.run(kind, seed, actions)
  await say(describeFailure({ kind, seed, actions }, outcome))
  await say(outcome.violations.length === 0 ? 'All promises were kept.' : 'Promises were broken.')
  return outcome.violations.length === 0 ? 0 : 1
}

/** Goes through seeds until one fails, which is then shown with as little as it takes, or until the time is over. */
async function search(minutes: number, from: number): Promise<number> {
  const end = Date.now() + minutes * 60_000
  let [worlds, requests] = [0, 0]
  for (let seed = from; Date.now() < end; seed += 1) {
    const kind = seed % WHOLE_EVERY === 0 ? 'whole' : 'core'
    const outcome = await simulation.run(kind, seed)
    worlds += 1
    requests += outcome.requests
    if (outcome.violations.length > 0) {
      const shrunk = await shrink((actions) => simulation.run(kind, seed, actions), MAX_ACTIONS)
      const actions = shrunk?.actions ?? MAX_ACTIONS
      await say(describeFailure({ kind, seed, actions }, shrunk?.outcome ?? outcome))
      return 1
    }
    if (worlds % 1000 === 0) await say(`${worlds} worlds, ${requests} requests; all promises were kept`)
  }
  await say(`${worlds} worlds from seed ${from} on, ${requests} requests; all promises were kept`)
  return 0
}

/** Resolves when it is written: the database, when it is closed, may end the process at once. */
function say(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${text}\n`, () => resolve()))
}

function kindOf(given: string): Kind {
  if (given === 'core' || given === 'whole') return given
  throw new TypeError(`Expected --kind to be core or whole, got ${given}`)
}

function numberOf(given: string): number {
  const number = Number(given)
  if (Number.isFinite(number) && number >= 0) return number
  throw new TypeError(`Expected a number, got ${given}`)
}
