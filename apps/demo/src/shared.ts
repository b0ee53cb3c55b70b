import { Authority, openDatabase } from '@tenantry/authority'
import { type HeartbeatStore, MemoryHeartbeats, MemoryTokenStore, type TokenStore } from '@tenantry/core'
import { RedisHeartbeats, RedisTokenStore } from '@tenantry/redis'

export interface SharedOptions {
  /** Where tokens and heartbeats are kept. Unset: in this process. */
  redisUrl?: string | undefined
  /** The authority's Postgres. Unset: one in this process. */
  databaseUrl?: string | undefined
}

/** What the servers of the demo share: the authority, the wall, and the wall that is read back. */
export interface Shared {
  readonly authority: Authority
  /** The manager's. */
  readonly tokens: TokenStore
  readonly heartbeats: HeartbeatStore
  /** What a replica is given: through Redis each has connections of its own, as if it were a process of its own. */
  readonly replicaTokens: TokenStore | (() => TokenStore)
  readonly replicaHeartbeats: HeartbeatStore | (() => HeartbeatStore)
  close(): Promise<void>
}

/** @throws when the database cannot be opened; nothing is left open then */
export async function openShared({ redisUrl, databaseUrl }: SharedOptions): Promise<Shared> {
  const authority = new Authority(await openDatabase(databaseUrl))
  const walls = redisUrl === undefined ? memoryWalls() : redisWalls(redisUrl)
  try {
    await authority.migrate()
  } catch (error) {
    await close()
    throw error
  }
  return { authority, ...walls, close }

  async function close(): Promise<void> {
    await Promise.all([walls.tokens.close?.(), walls.heartbeats.close?.(), authority.close()])
  }
}

type Walls = Omit<Shared, 'authority' | 'close'>

function memoryWalls(): Walls {
  const tokens = new MemoryTokenStore()
  const heartbeats = new MemoryHeartbeats()
  return { tokens, heartbeats, replicaTokens: tokens, replicaHeartbeats: heartbeats }
}

function redisWalls(url: string): Walls {
  const replicaTokens = () => new RedisTokenStore(url)
  const replicaHeartbeats = () => new RedisHeartbeats(url)
  return { tokens: replicaTokens(), heartbeats: replicaHeartbeats(), replicaTokens, replicaHeartbeats }
}
