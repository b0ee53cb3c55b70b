import { Client } from 'undici'
import type { LoadTenant } from './load-tenants.ts'
import type { Target } from './scene.ts'
import { type Sending, SentRequest } from './sent-request.ts'

export interface DriverOptions {
  readonly tenants: readonly LoadTenant[]
  /** How many requests are under way at a time. */
  readonly connections: number
  /** Where requests go just now, by turns. */
  readonly targets: () => readonly Target[]
  /** After how many requests it ends; undefined: when it is stopped. */
  readonly requests?: number | undefined
  /** How long a connection rests between an answer and the next request, in milliseconds. @default 0 */
  readonly restMs?: number
  /** Asked just before a request is sent: what its answer must show. */
  readonly required: Sending['required']
  readonly onEnd: (request: SentRequest) => void
}

/** How long an answer may take, in milliseconds. */
const TIMEOUT_MS = 30_000

/** One request in so many waits at the server, holding its tenant: so some do while that is restarted. */
const WAITING_ONE_IN = 25
const LONGEST_WAIT_MS = 40

/** After a request that got no answer, or while there is nobody to send one to, in milliseconds. */
const PAUSE_MS = 10

/** Asks for tenants by chance, over a set number of connections, on each as soon as the request before has ended. */
export class Driver {
  readonly #options: DriverOptions
  readonly #ends: Promise<void>[]
  #left: number
  #turn = 0
  #failure: unknown

  constructor(options: DriverOptions) {
    this.#options = options
    this.#left = options.requests ?? Number.POSITIVE_INFINITY
    this.#ends = Array.from({ length: options.connections }, () => this.#drive())
  }

  /** Sends no more. */
  stop(): void {
    this.#left = 0
  }

  /** Resolves when all requests have ended. Rejects with what `onEnd` throws. */
  async end(): Promise<void> {
    await Promise.all(this.#ends)
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Keeps one request under way, on a connection to each target. */
  async #drive(): Promise<void> {
    const clients = new Map<string, Client>()
    await new Promise<void>((resolve) => {
      const next = () => {
        if (this.#left <= 0) return resolve()
        const targets = this.#options.targets()
        if (clients.size > targets.length) closeOthers(clients, targets)
        const target = targets[this.#turn++ % targets.length]
        if (target === undefined) return void setTimeout(next, PAUSE_MS)
        this.#left -= 1
        this.#send(target, clientOf(clients, target), next)
      }
      next()
    })
    await Promise.all([...clients.values()].map((client) => client.close()))
  }

  #send(target: Target, client: Client, next: () => void): void {
    const { tenants, required, restMs = 0 } = this.#options
    const tenant = tenants[Math.floor(Math.random() * tenants.length)] as LoadTenant
    const waits = Math.random() * WAITING_ONE_IN < 1
    const waitMs = waits ? 1 + Math.floor(Math.random() * LONGEST_WAIT_MS) : 0
    const request = new SentRequest({ tenant, required, target, waitMs }, (request) => {
      this.#onEnd(request)
      // A door that is shut is not knocked at without a pause.
      const pauseMs = request.status === undefined ? PAUSE_MS : restMs
      if (pauseMs > 0) setTimeout(next, pauseMs)
      else next()
    })
    client.dispatch({ method: 'GET', path: request.path, headers: ['host', tenant.hostname] }, request)
  }

  #onEnd(request: SentRequest): void {
    try {
      this.#options.onEnd(request)
    } catch (error) {
      // Thrown on, it would count as a mistake of the answer's.
      this.#failure ??= error
      this.stop()
    }
  }
}

function clientOf(clients: Map<string, Client>, { origin }: Target): Client {
  let client = clients.get(origin)
  if (client === undefined) {
    client = new Client(origin, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
    clients.set(origin, client)
  }
  return client
}

/** Those of targets that are there no longer: nothing is under way on them. */
function closeOthers(clients: Map<string, Client>, targets: readonly Target[]): void {
  for (const [origin, client] of clients) {
    if (targets.some((target) => target.origin === origin)) continue
    clients.delete(origin)
    void client.close()
  }
}
