import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, onFreePort, type RedisServer, startProcess, startRedis } from '@tenantry/testing'
import type { Test } from 'tap'
import { PATIENT } from './scene.ts'

export const MASTER_NAME = 'wall'

export interface SentinelScene {
  readonly master: RedisServer
  readonly replica: RedisServer
  /** Of Sentinel. */
  readonly port: number
}

/** A master, its replica, and a Sentinel that puts the replica in its place when it has been silent for a second. */
export async function startSentinel(t: Test): Promise<SentinelScene> {
  const args = ['--repl-diskless-sync-delay', '0']
  const [master, replica] = [await startRedis({ args }), await startRedis({ args })]
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-sentinel-'))
  t.teardown(async () => {
    await Promise.all([master.stop(), replica.stop()])
    await rm(directory, { recursive: true })
  })
  await replica.cli('REPLICAOF', '127.0.0.1', `${master.port}`)
  await eventually(
    async () => /master_link_status:up/.test(await replica.cli('INFO', 'replication')),
    PATIENT,
  )
  const [port, sentinel] = await onFreePort(async (port) => {
    const configuration = join(directory, 'sentinel.conf')
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${MASTER_NAME} 1000`,
      '',
    ]
    await writeFile(configuration, lines.join('\n'))
    return startProcess('redis-server', [configuration, '--sentinel'], { until: /\+slave/ })
  })
  t.teardown(() => sentinel.stop('SIGKILL'))
  return { master, replica, port }
}
