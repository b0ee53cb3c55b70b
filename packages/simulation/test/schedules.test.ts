import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { newCoreWorld } from '../src/core-world.ts'
import { describeFailure, type Kind, Simulation } from '../src/index.ts'
import { realModules } from '../src/modules.ts'
import { runWorld } from '../src/run-world.ts'

/** How many seeds of each kind: as many as a build can wait for. `pnpm simulate` runs more. */
const SEEDS: Readonly<Record<Kind, number>> = { core: 2500, whole: 60 }

/** More than are begun in any world. */
const MAX_ACTIONS = 120

const simulation = new Simulation()
t.teardown(() => simulation.close())

t.test('G1 to G9, R5: whatever happens, in whatever order, all promises are kept', async (t) => {
  for (const kind of ['core', 'whole'] as const) {
    await t.test(
      kind === 'core' ? 'between replicas and the store' : 'with authority and reconciler',
      async (t) => {
        const codes = new Set<string>()
        let [steps, requests, served] = [0, 0, 0]
        for (let seed = 1; seed <= SEEDS[kind]; seed += 1) {
          const outcome = await simulation.run(kind, seed)
          steps += outcome.steps
          requests += outcome.requests
          served += outcome.served
          for (const code of outcome.codes) codes.add(code)
          if (outcome.violations.length === 0) continue
          t.comment(describeFailure({ kind, seed, actions: MAX_ACTIONS }, outcome))
          t.fail(`seed ${seed} breaks ${outcome.violations[0]?.promised}`)
          return
        }
        t.comment(
          `${SEEDS[kind]} schedules of ${steps} steps, ${requests} requests, of which ${served} were served`,
        )
        t.ok(served > requests / 4, 'nor is that because nothing is ever served')
        t.match([...codes].sort(), [
          'TENANTRY_ERR_BUILD_FAILED',
          'TENANTRY_ERR_BUILD_QUEUE_FULL',
          'TENANTRY_ERR_HOST_INVALID',
          'TENANTRY_ERR_LOOKUP_FAILED',
          'TENANTRY_ERR_STORE_UNREACHABLE',
          'TENANTRY_ERR_TENANT_NOT_FOUND',
        ])
      },
    )
  }
})

t.test('a seed does the same each time, in another process, too', async (t) => {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
  for (const kind of ['core', 'whole'] as const) {
    // The second is one that takes a preset.
    for (const seed of [3, 5]) {
      const { history } = await simulation.run(kind, seed)
      t.same((await simulation.run(kind, seed)).history, history)
      const args = [main, '--kind', kind, '--seed', `${seed}`]
      const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 })
      t.equal(digest(stdout.split('\n').slice(0, history.length)), digest(history), `${kind} ${seed}`)
    }
  }
})

t.test('a world that comes to no end, or in which a step throws, is shown like any that fails', async (t) => {
  const thrown = newCoreWorld(1, realModules)
  thrown.schedule.later({
    label: 'something breaks',
    run: () => {
      throw new Error('broken')
    },
  })
  const endless = newCoreWorld(1, realModules)
  const again = (): void => endless.schedule.later({ label: 'once more', run: again })
  again()
  for (const [world, text, line] of [
    [thrown, /^step \d+ threw Error: broken/, / something breaks$/],
    [endless, /threw Error: Expected an end within 30000 steps/, / once more$/],
  ] as const) {
    const { violations, history } = await runWorld(world)
    t.match(violations.at(-1), { promised: 'STEP', text })
    t.ok(history.some((one) => line.test(one)))
  }
})

function digest(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}
