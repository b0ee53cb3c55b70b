import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadTenant } from '@tenantry/load-test'
import type { Site } from './site.ts'

/** After a change, and after one that was rejected, in milliseconds. */
const PAUSE_MS = 25

/** Changes tenants by turns, one at a time, and repeats what rejects until it resolves. */
export class Manager {
  /** What changes have rejected with so far. */
  readonly rejections: Error[] = []
  /** How many have resolved. */
  resolved = 0
  readonly #site: Site
  readonly #tenants: readonly LoadTenant[]
  #isHeld = false
  #isEnded = false
  #loop: Promise<void> | undefined

  constructor(site: Site, tenants: readonly LoadTenant[]) {
    this.#site = site
    this.#tenants = tenants
  }

  /** Changes tenants, one after the other, until {@link hold}. */
  begin(): void {
    this.#isHeld = false
    this.#loop ??= this.#run()
      .catch(() => {})
      .finally(() => {
        this.#loop = undefined
      })
  }

  /** Begins no more; resolves when what is under way has resolved. */
  async hold(): Promise<void> {
    this.#isHeld = true
    await this.#loop
  }

  /** Gives up what is under way. */
  end(): void {
    this.#isEnded = true
    this.#isHeld = true
  }

  /** Changes these at once; resolves when that has been restarted. */
  async change(...tenants: readonly LoadTenant[]): Promise<void> {
    const restart = await this.#insist(() => this.#site.commit(tenants))
    await this.#insist(restart)
    this.resolved += 1
  }

  async #insist<T>(run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await run()
      } catch (error) {
        if (this.#isEnded) throw error
        this.rejections.push(error as Error)
        await sleep(PAUSE_MS)
      }
    }
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#isHeld; turn += 1) {
      await this.change(this.#tenants[turn % this.#tenants.length] as LoadTenant)
      await sleep(PAUSE_MS)
    }
  }
}
