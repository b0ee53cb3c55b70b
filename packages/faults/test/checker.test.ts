import { MemoryTokenStore, type TokenAnswer, type TokenKey, type TokenStore } from '@tenantry/core'
import type { LoadTenant } from '@tenantry/load-test'
import { eventually } from '@tenantry/testing'
import t from 'tap'
import type { SiteTenant } from './support/replica.ts'
import { assertSound, PATIENT, Scene } from './support/scene.ts'
import { MemorySite, siteTenant } from './support/site.ts'

/** What a replica takes an answer for, given the last token that it took for the same key. */
type Mistake = (answer: TokenAnswer, before: TokenAnswer) => TokenAnswer

/** A wall that can be cleared, and replicas that look at it rightly or wrongly. */
class Wall {
  #tokens = new MemoryTokenStore()

  clear(): void {
    this.#tokens = new MemoryTokenStore()
  }

  open(mistake: Mistake = (answer) => answer): TokenStore {
    const read = new Map<TokenKey, TokenAnswer>()
    return {
      read: async (keys) => {
        const answers = await this.#tokens.read(keys)
        return answers.map((answer, index) => {
          const key = keys[index] as TokenKey
          const before = read.get(key)
          const taken = before === undefined ? answer : mistake(answer, before)
          if (taken !== null && !(taken instanceof Error)) read.set(key, taken)
          return taken
        })
      },
      write: (key, token) => this.#tokens.write(key, token),
      claim: (key, newToken) => this.#tokens.claim(key, newToken),
      touch: (keys) => this.#tokens.touch(keys),
    }
  }
}

t.test('where nothing is wrong, a scene is found to be sound', async (t) => {
  const wall = new Wall()
  const scene = await Scene.open(t, { open: () => wall.open() })
  const checked = await scene.underTraffic(async () => {})
  t.ok(checked.measurement.tally.requests > 0)
  assertSound(t, checked)
})

t.test('one replica of three that takes no notice of restarts is found', async (t) => {
  const wall = new Wall()
  const scene = await Scene.open(t, {
    open: (whose) => wall.open(whose === 1 ? (_answer, before) => before : undefined),
  })
  const { measurement, behind } = await scene.underTraffic(async () => {})
  t.ok(measurement.tally.verdicts.stale > 0)
  t.ok(measurement.tally.findings.every(({ kind, replica }) => kind === 'stale' && replica === 'replica-1'))
  t.strictSame(behind, ['replica-1'])
})

t.test('one that takes an absent token for an unchanged one is found where tokens vanish', async (t) => {
  const wall = new Wall()
  const scene = await Scene.open(t, {
    open: (whose) => wall.open(whose === 1 ? (answer, before) => answer ?? before : undefined),
  })
  // Restarted, and gone before anybody has looked.
  const { measurement } = await scene.underTraffic(
    async (traffic) => {
      await scene.manager.hold()
      const { requests } = traffic
      await scene.manager.change(...scene.tenants)
      wall.clear()
      await eventually(() => traffic.requests > requests + 300, PATIENT)
    },
    { storeForgets: true },
  )
  t.ok(measurement.tally.verdicts.stale > 0)
  t.ok(measurement.tally.findings.every(({ replica }) => replica === 'replica-1'))
})

t.test('one that refuses what it could serve, though the store answers, is found', async (t) => {
  const wall = new Wall()
  const noticed = new Set<TokenAnswer>()
  // It takes notice of a restart, and reads that token never again: so it can build nothing.
  const scene = await Scene.open(t, {
    open: (whose) =>
      wall.open(
        whose === 1
          ? (answer, before) => {
              if (noticed.has(answer)) return new Error('The store did not answer')
              if (answer !== before) noticed.add(answer)
              return answer
            }
          : undefined,
      ),
  })
  const { measurement, losses, behind } = await scene.underTraffic(async () => {})
  const { failures, findings } = measurement.tally
  t.equal(losses, 0)
  t.equal(failures.byOutage, 0, 'nothing excuses it')
  t.ok(failures.unexplained > 0)
  t.ok(findings.every(({ kind, replica }) => kind === 'failed' && replica === 'replica-1'))
  t.match(findings[0], { message: /TENANTRY_ERR_STORE_UNREACHABLE/ })
  t.strictSame(behind, ['replica-1'])
})

t.test('those that serve one tenant in the place of another are found', async (t) => {
  const wall = new Wall()
  /** Whose first tenant has got the configuration of its second, from the beginning. */
  class ConfusedSite extends MemorySite {
    override async load(id: string): Promise<SiteTenant | undefined> {
      const tenant = await super.load(id)
      if (id !== 'tenant-0.test' || tenant === undefined) return tenant
      return siteTenant('tenant-1.test', this.sequenceOf({ id } as LoadTenant))
    }
  }
  const site = new ConfusedSite(wall.open(), { numbered: true })
  const scene = await Scene.open(t, { site, open: () => wall.open() })
  const { measurement } = await scene.underTraffic(async () => {})
  const { verdicts, findings } = measurement.tally
  t.ok(verdicts.wrong > 0)
  t.ok(findings.every(({ kind, tenant }) => kind === 'wrong' && tenant === 'tenant-0.test'))
})
