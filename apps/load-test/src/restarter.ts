import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Ledger } from './ledger.ts'
import type { LoadTenant } from './load-tenants.ts'
import type { Manager } from './scene.ts'

export interface RestarterOptions {
  readonly manager: Manager
  readonly tenants: readonly LoadTenant[]
  readonly restartEveryMs: number
  /** Where restarts are entered: by the restarter's thread alone, from here on. */
  readonly ledger: Ledger
}

/** What the thread is given. */
export type RestarterData = Omit<RestarterOptions, 'ledger'> & { readonly shared: SharedArrayBuffer }

/** How long it may take to end what is under way, in milliseconds: longer than the manager may take for an answer. */
const STOP_TIMEOUT_MS = 30_000

/** Restarts tenants through the manager, in a thread of its own: one that is busy with requests would be late. */
export class Restarter {
  /** Resolves when the first restart is near; rejects when the thread fails before. */
  readonly ready: Promise<unknown>
  /** Rejects when the thread fails. */
  readonly failed: Promise<never>
  readonly #worker: Worker
  readonly #exit: Promise<unknown>

  constructor({ ledger, ...options }: RestarterOptions) {
    // The same language as this file's, be it built or not.
    const script = new URL(import.meta.url.replace(/restarter(?=\.[jt]s)/, 'restarter-worker'))
    const data: RestarterData = { ...options, shared: ledger.shared }
    this.#worker = new Worker(script, { workerData: data })
    this.#exit = once(this.#worker, 'exit')
    this.ready = once(this.#worker, 'message')
    this.failed = once(this.#worker, 'error').then(([error]) => {
      throw error
    })
    // Whoever waits for the end of a run hears of it; nobody may be waiting just yet.
    for (const promise of [this.ready, this.failed, this.#exit]) promise.catch(() => {})
  }

  /** Restarts no more; resolves when those that were under way are in the ledger. */
  async stop(): Promise<void> {
    this.#worker.postMessage('stop')
    const timer = setTimeout(() => void this.#worker.terminate(), STOP_TIMEOUT_MS)
    await this.#exit.catch(() => {})
    clearTimeout(timer)
  }
}
