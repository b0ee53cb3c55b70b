import type { EventEmitter } from 'node:events'
import { HeartbeatFailures } from './heartbeat-failures.ts'
import type { Beat, TenantReport } from './heartbeat-store.ts'
import type { TenantPoolEvents } from './pool-events.ts'
import type { TenantPool } from './tenant-pool.ts'

/** What a heartbeat needs of a pool. */
export type HeartbeatPool = EventEmitter<TenantPoolEvents> & Pick<TenantPool, 'held' | 'heldOf'>

/** What one beat tells of the tenants. */
type News = Pick<Beat, 'reports' | 'gone' | 'whole'>

/** Beyond so many, all is told again: however long nothing can be told, what is kept for later is bounded. */
const MAX_CHANGED = 10_000

/** What there is to tell of a pool's tenants, and has not been told yet. It listens to the pool, and asks it last. */
export class HeartbeatNews {
  readonly #pool: HeartbeatPool
  readonly #onNews: () => void
  readonly #failures = new HeartbeatFailures((id) => this.#note(id))
  /** Ids of tenants of which there may be something new to tell. Undefined: all is to be told. */
  #changed: Set<string> | undefined

  /** @param onNews called when there is something to tell after there was nothing */
  constructor(pool: HeartbeatPool, onNews: () => void) {
    this.#pool = pool
    this.#onNews = onNews
    pool.on('built', this.#onBuilt)
    pool.on('replaced', this.#onLeft)
    pool.on('evicted', this.#onLeft)
    pool.on('buildFailed', this.#onBuildFailed)
    pool.on('notFound', this.#onNotFound)
  }

  get any(): boolean {
    return this.#changed === undefined || this.#changed.size > 0
  }

  /** What is to be told now. It is asked for here, not when it happens: a tenant is told to be built before it is held. */
  take(): News {
    const changed = this.#changed
    this.#changed = new Set()
    if (changed === undefined) {
      const all = new Map<string, TenantReport>(this.#failures.entries())
      for (const [id, report] of this.#pool.held()) all.set(id, report)
      return { reports: all, gone: [], whole: true }
    }
    const reports = new Map<string, TenantReport>()
    const gone: string[] = []
    for (const id of changed) {
      const report = this.#pool.heldOf(id) ?? this.#failures.of(id)
      if (report === undefined) gone.push(id)
      else reports.set(id, report)
    }
    return { reports, gone, whole: false }
  }

  /** What was taken may not have arrived: it is to be told again, as it is then. */
  giveBack({ reports, gone, whole }: News): void {
    if (whole) this.tellAll()
    for (const id of [...reports.keys(), ...gone]) this.#note(id)
  }

  /** Whatever has been told is forgotten: all is to be told. */
  tellAll(): void {
    this.#changed = undefined
  }

  stop(): void {
    this.#pool.off('built', this.#onBuilt)
    this.#pool.off('replaced', this.#onLeft)
    this.#pool.off('evicted', this.#onLeft)
    this.#pool.off('buildFailed', this.#onBuildFailed)
    this.#pool.off('notFound', this.#onNotFound)
  }

  readonly #onBuilt = ({ id }: { id: string }): void => {
    this.#failures.forget(id)
    this.#note(id)
  }

  readonly #onLeft = ({ id }: { id: string }): void => this.#note(id)

  readonly #onBuildFailed = (failed: TenantPoolEvents['buildFailed'][0]): void => {
    this.#failures.add(failed)
    this.#note(failed.id)
  }

  /** Of hosts that nobody knows there is nothing to tell. */
  readonly #onNotFound = ({ id }: { id: string }): void => {
    if (this.#failures.forget(id)) this.#note(id)
  }

  #note(id: string): void {
    if (this.#changed === undefined) return
    const isFirst = this.#changed.size === 0
    this.#changed.add(id)
    if (this.#changed.size > MAX_CHANGED) this.tellAll()
    else if (isFirst) this.#onNews()
  }
}
