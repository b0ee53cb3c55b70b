import type { Authority } from '@tenantry/authority'
import { type Clock, type HeartbeatStore, systemClock, type Timer } from '@tenantry/core'
import type { FastifyBaseLogger } from 'fastify'
import type { BoardChange, BoardTenant, Demo } from './api.ts'
import { presentRestart } from './present.ts'
import { ReplicaCells } from './replica-cells.ts'
import { TenantFeed } from './tenant-feed.ts'

export interface BoardOptions {
  authority: Authority
  heartbeats: HeartbeatStore
  /** The state of the demo, where there is one. */
  demo?: (() => Demo) | undefined
  /** Where the site of a host name is, if that is known. */
  siteUrl?: string | undefined
  log: FastifyBaseLogger
  /** How long to rest between two looks, in milliseconds. @default 500 */
  everyMs?: number
  /** @default Node's own */
  clock?: Clock
}

type Reachability = NonNullable<BoardChange['authority']>

/** How long a look waits for the authority; what comes later is seen by the next one. */
const AUTHORITY_PATIENCE_MS = 1000

/**
 * All that the page shows, kept up to date while somebody looks: {@link start}ed with the first, {@link stop}ped with
 * the last.
 */
export class Board {
  readonly #heartbeats: HeartbeatStore
  readonly #demo: (() => Demo) | undefined
  readonly #siteUrl: string | undefined
  readonly #log: FastifyBaseLogger
  readonly #everyMs: number
  readonly #clock: Clock
  readonly #feed: TenantFeed
  readonly #cells = new ReplicaCells()
  #tenants: ReadonlyMap<string, BoardTenant> = new Map()
  #total = 0
  #shownDemo: Demo | undefined
  #authorityState: Reachability = 'reachable'
  #storeState: Reachability = 'reachable'
  #onChange: ((change: BoardChange | undefined) => void) | undefined
  #timer: Timer | undefined
  #reading: Promise<boolean> | undefined
  #isLooking = false
  #lookAgain = false

  constructor(options: BoardOptions) {
    this.#heartbeats = options.heartbeats
    this.#demo = options.demo
    this.#siteUrl = options.siteUrl
    this.#log = options.log
    this.#everyMs = options.everyMs ?? 500
    this.#clock = options.clock ?? systemClock
    this.#feed = new TenantFeed(options.authority)
  }

  /** @param onChange called after every look: with what has changed, undefined if nothing has */
  start(onChange: (change: BoardChange | undefined) => void): void {
    this.#onChange = onChange
    this.changed()
  }

  stop(): void {
    this.#onChange = undefined
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
  }

  /** Something is known to have changed: looks at once. */
  changed(): void {
    this.#lookAgain = true
    if (this.#onChange === undefined || this.#isLooking) return
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    void this.#look()
  }

  /** Everything, as of the last look. */
  snapshot(): BoardChange {
    return {
      reset: true,
      total: this.#total,
      tenants: { set: [...this.#tenants.values()], gone: [] },
      ...this.#cells.snapshot(),
      restarts: this.#feed.recent.map(presentRestart),
      authority: this.#authorityState,
      store: this.#storeState,
      ...(this.#shownDemo !== undefined && { demo: this.#shownDemo }),
      ...(this.#siteUrl !== undefined && { siteUrl: this.#siteUrl }),
    }
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    this.#lookAgain = false
    try {
      const [authority, reports] = await Promise.all([this.#readAuthority(), this.#readReports()])
      const change = {
        ...this.#updateTenants(),
        ...(reports !== undefined && this.#cells.update(reports, this.#feed)),
        ...this.#updateStates(authority, reports !== undefined),
        ...this.#updateDemo(),
      }
      this.#onChange?.(Object.keys(change).length > 0 ? change : undefined)
    } catch (error) {
      this.#log.error({ err: error }, 'the board failed')
    } finally {
      this.#isLooking = false
      this.#plan()
    }
  }

  #plan(): void {
    if (this.#onChange === undefined) return
    this.#timer = this.#clock.setTimeout(() => void this.#look(), this.#lookAgain ? 0 : this.#everyMs)
    this.#timer.unref()
  }

  /** Whether it has answered, in good time. A reading that takes longer goes on; nobody starts a second one. */
  async #readAuthority(): Promise<boolean> {
    this.#reading ??= this.#feed
      .read()
      .then(
        () => true,
        (error) => this.#failed('authority', error),
      )
      .finally(() => {
        this.#reading = undefined
      })
    let timer: Timer | undefined
    const patience = new Promise<boolean>((resolve) => {
      timer = this.#clock.setTimeout(() => resolve(false), AUTHORITY_PATIENCE_MS)
    })
    return await Promise.race([this.#reading, patience]).finally(() =>
      this.#clock.clearTimeout(timer as Timer),
    )
  }

  async #readReports() {
    try {
      return await this.#heartbeats.read()
    } catch (error) {
      this.#failed('store', error)
      return undefined
    }
  }

  /** Once per outage. */
  #failed(what: 'authority' | 'store', error: unknown): false {
    const state = what === 'authority' ? this.#authorityState : this.#storeState
    if (state === 'reachable') this.#log.warn({ err: error }, `the board cannot read the ${what}`)
    return false
  }

  #updateTenants(): Pick<BoardChange, 'total' | 'tenants' | 'restarts'> {
    const before = this.#tenants
    const { tenants, total } = this.#feed
    const restarts = this.#feed.takeNews()
    const set: BoardTenant[] = []
    const gone: string[] = []
    if (tenants !== before) {
      for (const [id, tenant] of tenants) if (before.get(id) !== tenant) set.push(tenant)
      for (const id of before.keys()) if (!tenants.has(id)) gone.push(id)
    }
    const isNewTotal = total !== this.#total
    this.#tenants = tenants
    this.#total = total
    return {
      ...(isNewTotal && { total }),
      ...((set.length > 0 || gone.length > 0) && { tenants: { set, gone } }),
      ...(restarts.length > 0 && { restarts: restarts.map(presentRestart) }),
    }
  }

  #updateStates(isAuthorityThere: boolean, isStoreThere: boolean): Pick<BoardChange, 'authority' | 'store'> {
    const authority: Reachability = isAuthorityThere ? 'reachable' : 'unreachable'
    const store: Reachability = isStoreThere ? 'reachable' : 'unreachable'
    const change = {
      ...(authority !== this.#authorityState && { authority }),
      ...(store !== this.#storeState && { store }),
    }
    this.#authorityState = authority
    this.#storeState = store
    return change
  }

  #updateDemo(): Pick<BoardChange, 'demo'> {
    const demo = this.#demo?.()
    if (demo === undefined || JSON.stringify(demo) === JSON.stringify(this.#shownDemo)) return {}
    this.#shownDemo = demo
    return { demo }
  }
}
