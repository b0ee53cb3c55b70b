import assert from 'node:assert/strict'
import t from 'tap'
import { type HeartbeatSuiteOptions, heartbeatSuite } from '../src/heartbeat-suite.ts'
import { type Clock, HEARTBEAT_LIFETIME_MS, MemoryHeartbeats, systemClock } from '../src/index.ts'
import * as broken from './fakes/broken-heartbeats.ts'

/** What the suite needs to know of a wall whose time passes when it is told to. */
function wallOf(Store: typeof MemoryHeartbeats): Pick<HeartbeatSuiteOptions, 'create' | 'age'> {
  let now = 0
  const clock: Clock = { ...systemClock, now: () => now }
  const wall = new Store({ clock })
  return {
    create: () => wall,
    age: (ms) => {
      now += ms
    },
  }
}

t.test('MemoryHeartbeats', async (t) => {
  heartbeatSuite({ test: (name, run) => t.test(name, run), ...wallOf(MemoryHeartbeats) })

  t.test('a report ends just when its lifetime is over', async (t) => {
    let now = 0
    const store = new MemoryHeartbeats({ clock: { ...systemClock, now: () => now } })
    const beat = { replica: 'web-1', startedAt: new Date(), reports: new Map(), gone: [], whole: true }
    await store.beat(beat)
    now = HEARTBEAT_LIFETIME_MS - 1
    t.equal((await store.read()).length, 1)
    now = HEARTBEAT_LIFETIME_MS
    t.same(await store.read(), [])
    t.same(await new MemoryHeartbeats().read(), [], 'by Node’s own clock when given none')
  })
})

t.test('the suite', async (t) => {
  /** Runs the suite on stores of one class; tells which tests fail. */
  async function failedOn(wall: Omit<HeartbeatSuiteOptions, 'test'>): Promise<string[]> {
    const tests: [name: string, run: () => Promise<void>][] = []
    heartbeatSuite({ test: (name, run) => tests.push([name, run]), operationLimitMs: 100, ...wall })
    const failed: string[] = []
    for (const [name, run] of tests) {
      await run().catch((error) => {
        assert.ok(error instanceof assert.AssertionError, error)
        failed.push(name)
      })
    }
    return failed
  }

  t.test('asks only for what the test can bring about', async (t) => {
    const names: string[] = []
    heartbeatSuite({ test: (name) => names.push(name), create: () => new MemoryHeartbeats() })
    t.equal(names.length, 8)
  })

  const bites: Record<string, [typeof MemoryHeartbeats, ...failed: RegExp[]]> = {
    'believes whoever has not introduced himself': [
      broken.CredulousHeartbeats,
      /^a beat that is not whole/,
      /^another process/,
      /^a replica that leaves/,
      /^a report ends/,
    ],
    'forgets nothing': [broken.HoardingHeartbeats, /^a beat that is whole replaces/],
    'forgets all': [broken.ForgetfulHeartbeats, /^a later beat changes/, /^a report ends/],
    'keeps time badly': [broken.CoarseHeartbeats, /^what is told/, /^another process/],
    'lets nobody go': [broken.ClingingHeartbeats, /^a replica that leaves/],
    'lists in any order': [broken.UnsortedHeartbeats, /^replicas and tenants/],
    'takes a beat in bit by bit': [broken.TearingHeartbeats, /^a beat is read/],
    'changes what has been read': [broken.LeakingHeartbeats, /^a beat is read/],
  }
  for (const [what, [Store, ...expected]] of Object.entries(bites)) {
    t.test(`fails a store that ${what}`, async (t) => {
      const failed = await failedOn(wallOf(Store))
      t.match(failed, expected)
      t.equal(failed.length, expected.length, failed.join('; '))
    })
  }

  t.test('fails a store that waits for a silent server, and passes one that does not', async (t) => {
    for (const [answer, expected] of [
      [() => Promise.reject(new Error('no answer in time')), []],
      [() => new Promise<never>(() => {}), [/^every operation ends/]],
    ] as const) {
      class SilentHeartbeats extends MemoryHeartbeats {
        isSilent = false

        override beat(...told: Parameters<MemoryHeartbeats['beat']>) {
          return this.isSilent ? answer() : super.beat(...told)
        }

        override leave(replica: string) {
          return this.isSilent ? answer() : super.leave(replica)
        }

        override read() {
          return this.isSilent ? answer() : super.read()
        }
      }
      const wall = new SilentHeartbeats()
      const failed = await failedOn({
        create: () => wall,
        silence: () => {
          wall.isSilent = true
          return () => {
            wall.isSilent = false
          }
        },
      })
      t.match(failed, expected)
      t.equal(failed.length, expected.length, failed.join('; '))
    }
  })
})
