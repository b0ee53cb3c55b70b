import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'

export interface Replica {
  /** Never given to another one, not even when this one has gone. */
  readonly name: string
  readonly port: number
}

export interface ReplicasOptions {
  host: string
  /** Where to look for the first port that is free; 0: anywhere. */
  firstPort: number
  /** Makes a server that does not listen yet. */
  create: (name: string) => Promise<FastifyInstance>
  /** A replica has begun to listen. */
  onAdded: (replica: Replica) => void
  /** A replica is about to close: resolves when nobody sends it anything any more. */
  onRemoving: (replica: Replica) => Promise<void>
}

/** The replicas of the demo: servers in this process, each on a port of its own. */
export class Replicas {
  readonly #options: ReplicasOptions
  /** By name, in the order in which they were added. */
  readonly #running = new Map<string, Replica & { readonly app: FastifyInstance }>()
  /** Ports of replicas that run or are starting. */
  readonly #ports = new Set<number>()
  readonly #adding = new Set<Promise<Replica>>()
  #count = 0

  constructor(options: ReplicasOptions) {
    this.#options = options
  }

  list(): Replica[] {
    return [...this.#running.values()].map(({ name, port }) => ({ name, port }))
  }

  /**
   * Starts one more.
   *
   * @param wanted its port; unset: the next that is free
   * @throws when it cannot listen; it is closed then
   */
  add(wanted?: number): Promise<Replica> {
    const adding = this.#add(wanted).finally(() => this.#adding.delete(adding))
    this.#adding.add(adding)
    return adding
  }

  /** Ends one, if it is there: resolves when its requests are answered and it is closed. */
  async remove(name: string): Promise<void> {
    const replica = this.#running.get(name)
    if (replica === undefined) return
    this.#running.delete(name)
    await this.#options.onRemoving(replica)
    await replica.app.close()
    this.#ports.delete(replica.port)
  }

  /** Closes all, and those that are still starting as soon as they have. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#adding)
    await Promise.all([...this.#running.keys()].map((name) => this.remove(name)))
  }

  async #add(wanted: number | undefined): Promise<Replica> {
    const name = `replica-${++this.#count}`
    const app = wanted === undefined ? await this.#listenOnNext(name) : await this.#listen(name, wanted)
    const replica = { name, port: (app.server.address() as AddressInfo).port }
    this.#running.set(name, { ...replica, app })
    this.#options.onAdded(replica)
    return replica
  }

  /** On the first port that can be had: to listen is the only look at a port that nobody can overtake. */
  async #listenOnNext(name: string): Promise<FastifyInstance> {
    const { firstPort } = this.#options
    if (firstPort === 0) return this.#listen(name, 0)
    for (let port = firstPort; port < 65_536; port++) {
      if (this.#ports.has(port)) continue
      try {
        return await this.#listen(name, port)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      }
    }
    throw new Error(`No port from ${firstPort} on is free`)
  }

  async #listen(name: string, port: number): Promise<FastifyInstance> {
    const app = await this.#options.create(name)
    this.#ports.add(port)
    try {
      await app.listen({ host: this.#options.host, port })
      return app
    } catch (error) {
      this.#ports.delete(port)
      await app.close()
      throw error
    }
  }
}
