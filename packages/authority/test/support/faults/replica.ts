import { hostDirectory, type Lease, TenantPool } from '@tenantry/core'
import { Authority, type Database, type Tenant } from '../../../src/index.ts'
import { FaultyConnection, type FaultyStore } from './faulty-store.ts'
import { PoolClock } from './pool-clock.ts'
import type { Schedule } from './schedule.ts'

/** What is asked for: a tenant by its id, or whose a host name is. */
export interface Question {
  readonly kind: 'tenant' | 'host'
  readonly name: string
}

/** A request that was answered. */
export interface Answered extends Question {
  /** When it arrived. */
  readonly from: number
  /** When it was answered. */
  readonly until: number
  /** Whether all that was asked of the store was answered, so that G1 speaks for it. */
  readonly isChecked: boolean
  /** Undefined: 404. */
  readonly tenant: { readonly id: string; readonly born: number; readonly version: number } | undefined
}

/** Never: what a replica may wait for waits for the schedule. */
const NEVER_MS = 1_000_000_000

/** A replica that serves what the authority says. */
export class Replica {
  readonly clock: PoolClock = new PoolClock()
  readonly answered: Answered[] = []
  readonly #schedule: Schedule
  readonly #connection: FaultyConnection
  readonly #pool: TenantPool<Tenant>
  readonly #acquireByHost: (hostname: string) => Promise<Lease<Tenant>>

  constructor(store: FaultyStore, schedule: Schedule, database: Database) {
    const authority = new Authority(database)
    this.#schedule = schedule
    this.#connection = new FaultyConnection(store, schedule)
    this.#pool = new TenantPool<Tenant>({
      tokens: this.#connection,
      load: (id) => authority.findTenant(id),
      clock: this.clock,
      checkTimeoutMs: NEVER_MS,
      buildTimeoutMs: NEVER_MS,
      sweepMs: NEVER_MS,
      maxUncheckedMs: 2 * NEVER_MS,
      drainTimeoutMs: 0,
    })
    this.#acquireByHost = this.#pool.byHost(
      hostDirectory({
        lookup: (hostname) => authority.findTenantIdByHostname(hostname),
        hostnamesOf: ({ hostnames }) => hostnames,
      }),
    )
  }

  /** Answers a request, and notes what it answered. @throws what is neither a tenant nor 404 */
  async answer(question: Question): Promise<Answered> {
    const from = this.#schedule.moment()
    const { failures } = this.#connection
    const isReachable = this.#pool.stats().store === 'reachable'
    const tenant = await this.#serve(question)
    const isChecked = isReachable && failures === this.#connection.failures
    const answered = { ...question, from, until: this.#schedule.moment(), isChecked, tenant }
    this.answered.push(answered)
    return answered
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #serve({ kind, name }: Question): Promise<Answered['tenant']> {
    try {
      const lease = await (kind === 'tenant' ? this.#pool.acquire(name) : this.#acquireByHost(name))
      const { id, version, config } = lease.tenant
      lease.release()
      return { id, version, born: config.born as number }
    } catch (error) {
      if ((error as { code?: string }).code === 'TENANTRY_ERR_TENANT_NOT_FOUND') return undefined
      throw error
    }
  }
}
