import { MemoryTokenStore, type TokenAnswer, type TokenKey, type TokenStore } from '@tenantry/core'
import { eventually } from '@tenantry/testing'
import t from 'tap'
import { assertSound, PATIENT, Scene } from './support/scene.ts'

/** Whether a replica makes the mistake of taking what it has read before for this answer. */
type Mistake = (answer: TokenAnswer) => boolean

/** A wall that can be cleared, and replicas that look at it rightly or wrongly. */
class Wall {
  #tokens = new MemoryTokenStore()

  clear(): void {
    this.#tokens = new MemoryTokenStore()
  }

  open(mistake: Mistake = () => false): TokenStore {
    const read = new Map<TokenKey, TokenAnswer>()
    return {
      read: async (keys) => {
        const answers = await this.#tokens.read(keys)
        return answers.map((answer, index) => {
          const key = keys[index] as TokenKey
          const before = read.get(key)
          if (before !== undefined && mistake(answer)) return before
          if (answer !== null) read.set(key, answer)
          return answer
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
    open: (whose) => wall.open(whose === 1 ? () => true : undefined),
  })
  const { measurement, behind } = await scene.underTraffic(async () => {})
  t.ok(measurement.tally.verdicts.stale > 0)
  t.ok(measurement.tally.findings.every(({ kind, replica }) => kind === 'stale' && replica === 'replica-1'))
  t.strictSame(behind, ['replica-1'])
})

t.test('one that takes an absent token for an unchanged one is found where tokens vanish', async (t) => {
  const wall = new Wall()
  const scene = await Scene.open(t, {
    open: (whose) => wall.open(whose === 1 ? (answer) => answer === null : undefined),
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
