import { fileURLToPath } from 'node:url'
import {
  ask,
  eventually,
  freePort,
  type RedisServer,
  startPostgres,
  startProcess,
  startRedis,
} from '@tenantry/testing'
import type { Test } from 'tap'
import type { Scene, Target } from '../../src/scene.ts'

const MANAGER = fileURLToPath(new URL('../../../tenant-manager/dist/server.js', import.meta.url))

/** Nothing of the environment that the tests run in. */
const UNSET = {
  HOST: undefined,
  MANAGER_API_KEY: undefined,
  CONFIG_SCHEMA_FILE: undefined,
  SITE_URL: undefined,
  LOG_LEVEL: undefined,
}

/** Many start at once, on machines with few cores. */
const TIMEOUT_MS = 60_000

/** Where tenants are restarted: a Redis, a Postgres and a tenant manager, which is a process of its own. */
export interface Place {
  readonly redis: RedisServer
  readonly managerUrl: string
  readonly managerPort: number
  /** What is under load there. */
  sceneOf(targets: readonly Target[], more?: Partial<Scene>): Scene
}

/** One for all tests of a file. */
export async function placeFor(t: Test): Promise<Place> {
  const [postgres, redis, managerPort] = await Promise.all([startPostgres(), startRedis(), freePort()])
  t.teardown(async () => {
    await redis.stop()
    await postgres.stop()
  })
  const manager = await startProcess(process.execPath, [MANAGER], {
    env: { ...UNSET, PORT: `${managerPort}`, DATABASE_URL: postgres.url, REDIS_URL: redis.url },
    until: /Server listening/,
    timeoutMs: TIMEOUT_MS,
  })
  t.teardown(() => manager.stop('SIGKILL'))
  await eventually(async () => (await ask(managerPort, '/healthz')).status === 200, { timeoutMs: TIMEOUT_MS })
  const managerUrl = `http://127.0.0.1:${managerPort}`

  function sceneOf(targets: readonly Target[], more: Partial<Scene> = {}): Scene {
    return {
      description: 'a scene of the tests',
      manager: { url: managerUrl, apiKey: undefined },
      redisUrl: redis.url,
      targets: () => targets,
      adminUrls: async () => [],
      control: undefined,
      close: async () => {},
      ...more,
    }
  }

  return { redis, managerUrl, managerPort, sceneOf }
}
