import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, startPostgres, startRedis } from '@tenantry/testing'
import { type Balancer, startHaproxy } from './haproxy.ts'
import { type ReplicaProcess, startReplica } from './replica-process.ts'
import type { Scene, Target } from './scene.ts'
import { startServer } from './server-process.ts'

export interface LocalSceneOptions {
  readonly replicas: number
  /** How old a check may be, in milliseconds; 0: every request is checked. */
  readonly maxAgeMs: number
  /** Without HAProxy, also where it is there. */
  readonly direct: boolean
}

/** Of Postgres: each of 64 replicas may have ten, and the manager as many. */
const MAX_CONNECTIONS = 660

/** How long the replicas may take to reach the store again once it goes on. */
const REACHABLE_AGAIN_MS = 60_000

/**
 * Starts Redis, Postgres, a tenant manager, replicas and HAProxy on this machine, on free ports. What is started is
 * killed when this process ends, however it does.
 *
 * @throws when one of them is not installed, or does not come up; nothing is left running then
 */
export async function openLocalScene({ replicas, maxAgeMs, direct }: LocalSceneOptions): Promise<Scene> {
  const closing: (() => Promise<unknown>)[] = []
  /** Those that are asked. One that has been asked to end still answers, and is in `ending`. */
  const serving = new Map<string, ReplicaProcess>()
  const ending = new Set<ReplicaProcess>()
  let started = 0
  let isClosed = false

  try {
    const redis = await startRedis()
    closing.push(redis.stop)
    const postgres = await startPostgres({ args: ['-c', `max_connections=${MAX_CONNECTIONS}`] })
    closing.push(postgres.stop)
    const places = { redisUrl: redis.url, databaseUrl: postgres.url }
    const apiKey = randomBytes(32).toString('base64url')
    const manager = await startServer('tenant-manager', {
      REDIS_URL: places.redisUrl,
      DATABASE_URL: places.databaseUrl,
      MANAGER_API_KEY: apiKey,
    })
    closing.push(() => manager.stop('SIGKILL'))
    const haproxy = direct ? undefined : await startHaproxyIfThere()
    if (haproxy !== undefined) closing.push(haproxy.close)
    closing.push(killReplicas)
    await addReplicas(replicas)
    let targets = listTargets()
    return {
      description: describe(),
      manager: { url: `http://127.0.0.1:${manager.port}`, apiKey },
      redisUrl: redis.url,
      targets: () => targets,
      adminUrls: async () => [...serving.values(), ...ending].map(({ adminUrl }) => adminUrl),
      control: { addReplica, removeReplica, killReplica, outage },
      close,
    }

    function describe(): string {
      const count = `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`
      const front = haproxy === undefined ? 'asked by turns' : 'behind HAProxy'
      return `${count} ${front}, with Redis, Postgres and the manager, as processes on one machine`
    }

    function listTargets(): readonly Target[] {
      if (haproxy !== undefined) return [{ origin: haproxy.origin, replica: undefined }]
      return [...serving.values()].map(({ origin, name }) => ({ origin, replica: name }))
    }

    async function addReplicas(count: number): Promise<void> {
      const adding = await Promise.allSettled(Array.from({ length: count }, startOne))
      // Not before all have come up or failed: until then it is not known what there is to end.
      for (const result of adding) if (result.status === 'rejected') throw result.reason
    }

    async function startOne(): Promise<string> {
      started += 1
      const replica = await startReplica({ ...places, name: `replica-${started}`, maxAgeMs })
      if (isClosed) {
        await replica.kill()
        throw new Error(`${replica.name} came up when everything had ended`)
      }
      serving.set(replica.name, replica)
      await haproxy?.add(replica)
      return replica.name
    }

    async function addReplica(): Promise<string> {
      const name = await startOne()
      targets = listTargets()
      return name
    }

    /** By chance. Whoever asks them by turns gives it no more requests. */
    function takeOne(): ReplicaProcess {
      const all = [...serving.values()]
      if (all.length < 2)
        throw new Error(`expected two replicas or more, got ${all.length}: none can be taken away`)
      const taken = all[Math.floor(Math.random() * all.length)] as ReplicaProcess
      serving.delete(taken.name)
      targets = listTargets()
      return taken
    }

    async function removeReplica(): Promise<string> {
      const replica = takeOne()
      ending.add(replica)
      await replica.end()
      ending.delete(replica)
      await haproxy?.remove(replica.name)
      return replica.name
    }

    async function killReplica(onKill: (replica: string) => void): Promise<string> {
      const replica = takeOne()
      onKill(replica.name)
      await replica.kill()
      await haproxy?.remove(replica.name)
      return replica.name
    }

    async function outage(ms: number, onReach: (replica: string) => void): Promise<void> {
      redis.pause()
      // Whoever ends everything meanwhile does not wait for this.
      await sleep(ms, undefined, { ref: false })
      redis.resume()
      await Promise.all([...serving.values()].map((replica) => untilReached(replica, onReach)))
    }

    async function untilReached(
      { name, adminUrl }: ReplicaProcess,
      onReach: (replica: string) => void,
    ): Promise<void> {
      await eventually(async () => isClosed || (await reachesStore(adminUrl)), {
        timeoutMs: REACHABLE_AGAIN_MS,
      })
      onReach(name)
    }
  } catch (error) {
    await close()
    throw error
  }

  async function killReplicas(): Promise<void> {
    await Promise.all([...serving.values(), ...ending].map((replica) => replica.kill()))
  }

  async function close(): Promise<void> {
    isClosed = true
    // In the opposite order, so that nobody complains of what has gone before.
    for (const end of closing.splice(0).reverse()) await end()
  }
}

async function startHaproxyIfThere(): Promise<Balancer | undefined> {
  try {
    return await startHaproxy()
  } catch (error) {
    if ((error as Error).message === 'haproxy is not on PATH') return undefined
    throw error
  }
}

async function reachesStore(adminUrl: string): Promise<boolean> {
  const response = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(5000) })
  return /^tenantry_store_reachable 1$/m.test(await response.text())
}
