import { TenantLifecycle } from '@tenantry/core'
import type { Test } from 'tap'
import type { Adapter } from './adapter.ts'
import { Configuration } from './configuration.ts'
import { type ReplicaProcess, type Reply, type Seen, startReplica } from './replica-process.ts'
import type { StartedWall, Wall } from './walls/wall.ts'

/** The tenants that exist; the first one takes its time to be loaded. */
export const IDS: readonly string[] = ['acme.test', 'books.test', 'cars.test', 'dogs.test', 'eggs.test']

interface Load {
  readonly replies: Reply[]
  readonly failed: Reply[]
  /** Answers for another tenant, or of an older version than had been restarted before they were asked for. */
  readonly wrong: string[]
}

/** Three replicas, each a process of its own, their wall, and their manager. */
export interface Replicas {
  readonly wall: StartedWall
  readonly configuration: Configuration
  readonly all: readonly ReplicaProcess[]
  /** For each tenant, the version that every later request must see, or a newer one. */
  readonly restarted: ReadonlyMap<string, number>
  /** Starts one more. */
  join(): Promise<ReplicaProcess>
  /** Commits a new version of these tenants, and restarts them. */
  restart(...ids: readonly string[]): Promise<void>
  /** What replicas serve for every tenant. @param of @default all three */
  seeAll(of?: readonly ReplicaProcess[]): Promise<Seen[]>
  /** While `work` is under way, and until 3000 requests have been made, clients ask every replica for every tenant. */
  underLoad(work: () => Promise<void>): Promise<Load>
}

export async function startReplicas(t: Test, adapter: Adapter, wall: Wall): Promise<Replicas> {
  const server = await wall.start()
  t.teardown(() => server.stop())
  const configuration = await Configuration.create(t, IDS)
  const settings = { script: adapter.replica, tokens: server.url, configuration: configuration.file }
  const join = () => startReplica(t, settings)
  const all = await Promise.all([join(), join(), join()])
  const tokens = server.open()
  t.teardown(() => tokens.close?.())
  const lifecycle = new TenantLifecycle(tokens)
  const restarted = new Map(IDS.map((id) => [id, 0]))

  return {
    wall: server,
    configuration,
    all,
    restarted,
    join,

    async restart(...ids) {
      const version = await configuration.commit(...ids)
      if (ids.length === IDS.length) await lifecycle.restartAll()
      else await lifecycle.restartMany(ids)
      for (const id of ids) restarted.set(id, version)
    },

    seeAll: (of = all) => Promise.all(of.flatMap((replica) => IDS.map((id) => replica.see(id)))),

    async underLoad(work) {
      const load: Load = { replies: [], failed: [], wrong: [] }
      let working = true
      let asked = 0

      async function runClient(): Promise<void> {
        while (working || asked < 3000) {
          const id = IDS[asked % IDS.length] as string
          const replica = all[asked % all.length] as ReplicaProcess
          asked += 1
          const floor = restarted.get(id) as number
          const reply = await replica.get(id)
          load.replies.push(reply)
          if (reply.statusCode !== 200) {
            load.failed.push(reply)
            continue
          }
          const seen: Seen = JSON.parse(reply.body)
          if (seen.id !== id || seen.version < floor) load.wrong.push(`${id} from ${floor} on: ${reply.body}`)
        }
      }

      const clients = Array.from({ length: 24 }, runClient)
      await work()
      working = false
      await Promise.all(clients)
      return load
    },
  }
}
