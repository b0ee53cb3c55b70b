import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'

export interface TrafficOptions {
  host: string
  /** The host names of the tenants, as of now. */
  readHostnames: () => Promise<readonly string[]>
}

/** Twenty requests a second, over all replicas and tenants: gentle. */
const EVERY_MS = 50

/** How often to look which tenants there are. */
const REFRESH_MS = 1000

const TIMEOUT_MS = 10_000

/** More than this under way at a time: the replicas do not keep up, and are given no more. */
const MAX_UNDER_WAY = 50

/** A replica, as a load balancer sees it. */
interface Target {
  readonly port: number
  readonly agent: Agent
  readonly underWay: Set<Promise<void>>
}

/** A gentle traffic: asks each replica for each tenant in turn, and counts what comes of it. */
export class Traffic {
  readonly #options: TrafficOptions
  #targets: readonly Target[] = []
  #hostnames: readonly string[] = []
  #turn = 0
  #timers: NodeJS.Timeout[] = []
  #served = 0
  #failed = 0

  constructor(options: TrafficOptions) {
    this.#options = options
  }

  get isOn(): boolean {
    return this.#timers.length > 0
  }

  /** How many requests were answered with 200. */
  get served(): number {
    return this.#served
  }

  /** How many were not. */
  get failed(): number {
    return this.#failed
  }

  switch(on: boolean): void {
    if (on === this.isOn) return
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    if (!on) return
    void this.#refresh()
    this.#timers = [
      setInterval(() => this.#send(), EVERY_MS),
      setInterval(() => void this.#refresh(), REFRESH_MS),
    ]
  }

  addTarget(port: number): void {
    this.#targets = [...this.#targets, { port, agent: new Agent({ keepAlive: true }), underWay: new Set() }]
  }

  /** Resolves when the requests under way are answered; none comes after them. */
  async removeTarget(port: number): Promise<void> {
    const target = this.#targets.find((each) => each.port === port)
    if (target === undefined) return
    this.#targets = this.#targets.filter((each) => each !== target)
    await Promise.all(target.underWay)
    target.agent.destroy()
  }

  async #refresh(): Promise<void> {
    try {
      this.#hostnames = await this.#options.readHostnames()
    } catch {
      // The replicas go on without their authority, and so does the traffic.
    }
  }

  #send(): void {
    const turn = this.#turn++
    const target = this.#targets[turn % this.#targets.length]
    const hostname = this.#hostnames[Math.floor(turn / this.#targets.length) % this.#hostnames.length]
    if (target === undefined || hostname === undefined || target.underWay.size >= MAX_UNDER_WAY) return
    const answered = this.#ask(target, hostname).finally(() => target.underWay.delete(answered))
    target.underWay.add(answered)
  }

  async #ask(target: Target, hostname: string): Promise<void> {
    const status = await statusOf(this.#options.host, target, hostname)
    if (status === 200) {
      this.#served += 1
      return
    }
    // A tenant that was deleted or a host name that was taken away meanwhile: its site is rightly not there.
    if (status === 404) await this.#refresh()
    if (status !== 404 || this.#hostnames.includes(hostname)) this.#failed += 1
  }
}

/** Undefined: there was no whole answer. */
async function statusOf(
  host: string,
  { port, agent }: Target,
  hostname: string,
): Promise<number | undefined> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const headers = { host: `${hostname}:${port}` }
    const outgoing = request({ host, port, path: '/whoami', agent, headers, signal }).end()
    // A connection that breaks after the head tells the response and the request: one of them is listened to.
    outgoing.on('error', () => {})
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    return response.statusCode
  } catch {
    return undefined
  }
}
