import t from 'tap'
import {
  authorityMutants,
  coreMutants,
  describeFailure,
  hunt,
  type Mutant,
  Simulation,
  shrink,
} from '../src/index.ts'
import { huntAll } from './support/hunt-all.ts'

const simulation = new Simulation()
t.teardown(() => simulation.close())

t.test('each rule of the manager’s side that is broken on purpose is caught', async (t) => {
  await huntAll(t, authorityMutants, { simulation, maxSeeds: 120 })
})

t.test('a seed that fails is shown with as little as it takes', async (t) => {
  const done = { violations: [], history: [], steps: 0, requests: 0, served: 0, codes: [] }
  const broken = { ...done, violations: [{ promised: 'G1' as const, text: 'old' }], history: ['one line'] }
  const shrunk = await shrink(async (actions) => (actions >= 7 ? broken : done), 80)
  t.equal(shrunk?.actions, 7)
  t.equal(await shrink(async () => done, 5), undefined)
  t.equal(
    describeFailure({ kind: 'core', seed: 12, actions: 7 }, broken),
    'one line\n\nG1 is broken: old\n\nAgain: pnpm simulate --kind core --seed 12 --actions 7',
  )
})

t.test('a text that is no longer there is told, and the mutant is no mutant', async (t) => {
  const [mutant] = authorityMutants as [Mutant]
  const rotten = { ...mutant, name: 'rotten', edits: [['what nobody has written', 'x']] as const }
  await t.rejects(hunt(rotten, { maxSeeds: 1, database: () => simulation.database() }), {
    message: /^rotten: expected "what nobody has written" once in .*authority\.js, got it 0 times$/,
  })
})

t.test('a mutant of which a step throws is not caught by that, and its seed is told', async (t) => {
  const [mutant] = coreMutants as [Mutant]
  const throwing = {
    ...mutant,
    name: 'throwing',
    file: 'token-reader.js',
    edits: [['this.#gathering = undefined; if', "throw new Error('broken'); if"]] as const,
  }
  await t.rejects(hunt(throwing, { maxSeeds: 1, database: () => simulation.database() }), {
    message: /^throwing: seed 1: step \d+ threw Error: broken/,
  })
})
