import type { TenantryError } from '../../src/errors.ts'
import type { Lease } from '../../src/lease.ts'
import type { TenantPoolEvents } from '../../src/pool-events.ts'
import type { TenantPoolOptions } from '../../src/pool-options.ts'
import { TenantPool } from '../../src/tenant-pool.ts'
import { HeldCalls } from './held-calls.ts'
import { type Config, Manager } from './manager.ts'
import { ManualClock, settle } from './manual-clock.ts'
import { EVENTS } from './pool-event-names.ts'

type Context = { readonly id: string; readonly signal: AbortSignal }

/** What `create` makes: each time another object. */
export interface Site extends Config {
  disposals: number
}

export interface ReplicaOptions
  extends Omit<TenantPoolOptions<Config, Site>, 'tokens' | 'load' | 'create' | 'clock'> {
  /** Shared by all replicas of a test. */
  manager?: Manager
  clock?: ManualClock
  opensStore?: boolean
}

/** A pool in a world in which nothing happens by itself. */
export class Replica {
  readonly clock: ManualClock
  readonly manager: Manager
  readonly pool: TenantPool<Config, Site>
  readonly loads: HeldCalls<Context, Config | undefined>
  readonly creates: HeldCalls<Context & { readonly config: Config }, Site>
  /** All that `create` has made, oldest first. */
  readonly made: Site[] = []
  /** All events so far: their names, and what they told. */
  readonly told: [name: keyof TenantPoolEvents, told: Record<string, unknown>][] = []
  /** All requests that came in, oldest first. */
  readonly requests: Request[] = []

  constructor({ manager, clock, opensStore = false, dispose, ...options }: ReplicaOptions = {}) {
    this.clock = clock ?? new ManualClock()
    this.manager = manager ?? new Manager()
    const { store } = this.manager
    this.loads = new HeldCalls(({ id }) => this.manager.read(id))
    this.creates = new HeldCalls(({ config }) => {
      const site = { ...config, disposals: 0 }
      this.made.push(site)
      return site
    })
    this.pool = new TenantPool<Config, Site>({
      ...options,
      clock: this.clock,
      tokens: opensStore ? () => store : store,
      load: (id, { signal }) => this.loads.call({ id, signal }),
      create: (config, context) => this.creates.call({ config, ...context }),
      dispose(site, context) {
        site.disposals += 1
        return dispose?.(site, context)
      },
    })
    for (const name of EVENTS) {
      this.pool.on(name, (...[told]: unknown[]) => this.told.push([name, { ...(told as object) }]))
    }
  }

  get store(): Manager['store'] {
    return this.manager.store
  }

  /** A request comes in. */
  request(id: string): Request {
    return this.follow(this.pool.acquire(id))
  }

  /** A request comes in by another way. */
  follow(lease: Promise<Lease<Site>>): Request {
    const request = new Request(lease)
    this.requests.push(request)
    return request
  }

  /** A request that nothing holds up comes in and is served. */
  async served(id: string): Promise<Request> {
    const before = this.store.open
    this.store.letGo()
    const request = this.request(id)
    for (let turn = 0; turn < 9 && request.outcome === 'waits'; turn += 1) await this.clock.turn()
    this.store.open = before
    return request
  }

  /** A request for a tenant that is not in memory comes in; its build has read its tokens. */
  async building(id: string): Promise<Request> {
    const request = this.request(id)
    await this.answerRead()
    await this.answerRead()
    return request
  }

  /** The turn ends, and the oldest read under way is carried out and answered. */
  async answerRead(): Promise<void> {
    await this.clock.turn()
    this.store.next('read').answer()
    await settle()
  }

  /** The turn ends, and the oldest claim under way is carried out and answered. */
  async answerClaim(): Promise<void> {
    await this.clock.turn()
    this.store.next('claim').answer()
    await settle()
  }

  /** The names of the events so far. */
  get events(): string[] {
    return this.told.map(([name]) => name)
  }

  /** All that was made of one tenant, as `version: disposals`. */
  disposals(id: string): string[] {
    return this.made.filter((site) => site.id === id).map((site) => `${site.version}: ${site.disposals}`)
  }

  /** Everything that is held goes on, every request ends, the pool closes. */
  async end(): Promise<void> {
    this.store.letGo()
    this.loads.letGo()
    this.creates.letGo()
    for (let turn = 0; turn < 9; turn += 1) await this.clock.turn()
    for (const { lease } of this.requests) lease?.release()
    await this.pool.close()
    await settle()
  }
}

/** A request under way. */
export class Request {
  lease: Lease<Site> | undefined
  error: TenantryError | undefined

  constructor(lease: Promise<Lease<Site>>) {
    lease.then(
      (lease) => {
        this.lease = lease
      },
      (error) => {
        this.error = error
      },
    )
  }

  /** `waits`; the tenant that it is served by, as `id version`; or the code of the error. */
  get outcome(): string {
    if (this.lease !== undefined) return `${this.lease.tenant.id} ${this.lease.tenant.version}`
    if (this.error !== undefined) return this.error.code ?? `${this.error}`
    return 'waits'
  }

  release(): void {
    this.lease?.release()
  }
}

/** What has become of each, so far. */
export function outcomes(requests: readonly Request[]): string[] {
  return requests.map(({ outcome }) => outcome)
}
