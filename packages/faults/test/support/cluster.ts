import { eventually, type RedisServer, startRedis } from '@tenantry/testing'
import type { Test } from 'tap'
import { PATIENT } from './scene.ts'

const SLOTS = 16_384
const MASTERS = 3

/** A Redis Cluster of six: three masters, and a replica of each. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[]

  private constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes
  }

  /** A master that is silent for a second is replaced. */
  static async start(t: Test): Promise<RedisCluster> {
    const args = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']
    const nodes = await Promise.all(
      Array.from({ length: 2 * MASTERS }, () =>
        startRedis({ args: [...args, '--cluster-node-timeout', '1000', '--repl-diskless-sync-delay', '0'] }),
      ),
    )
    t.teardown(() => Promise.all(nodes.map((node) => node.stop())))
    const masters = nodes.slice(0, MASTERS)
    for (const [place, master] of masters.entries()) {
      const [from, to] = [place, place + 1].map((edge) => Math.floor((edge * SLOTS) / MASTERS)) as [
        number,
        number,
      ]
      await master.cli(
        'CLUSTER',
        'ADDSLOTS',
        ...Array.from({ length: to - from }, (_, slot) => `${from + slot}`),
      )
      // Lest two of them claim the same right.
      await master.cli('CLUSTER', 'SET-CONFIG-EPOCH', `${place + 1}`)
    }
    const [first] = nodes as [RedisServer]
    for (const node of nodes) await node.cli('CLUSTER', 'MEET', '127.0.0.1', `${first.port}`)
    for (const [place, master] of masters.entries()) {
      const id = await master.cli('CLUSTER', 'MYID')
      await eventually(() => nodes[MASTERS + place]?.cli('CLUSTER', 'REPLICATE', id), PATIENT)
    }
    const cluster = new RedisCluster(nodes)
    await eventually(async () => {
      const states = await Promise.all(nodes.map((node) => node.cli('CLUSTER', 'INFO')))
      const links = await Promise.all(nodes.slice(MASTERS).map((node) => node.cli('INFO', 'replication')))
      return (
        states.every((state) => /cluster_state:ok/.test(state) && /cluster_known_nodes:6/.test(state)) &&
        links.every((link) => /master_link_status:up/.test(link))
      )
    }, PATIENT)
    return cluster
  }

  /** The master of a slot, by what `asked` knows. */
  async masterOf(slot: number, asked: RedisServer = this.nodes[0] as RedisServer): Promise<RedisServer> {
    const lines = (await asked.cli('CLUSTER', 'NODES')).split('\n')
    for (const line of lines) {
      const [, address = '', flags = '', , , , , ...ranges] = line.split(' ')
      const holds = ranges.some((range) => {
        const [from, to = from] = range.split('-').map(Number)
        return from !== undefined && to !== undefined && from <= slot && slot <= to
      })
      const port = Number(/:(\d+)@/.exec(address)?.[1])
      const node = this.nodes.find((each) => each.port === port)
      if (flags.includes('master') && !flags.includes('fail') && holds && node !== undefined) return node
    }
    throw new Error(`No master has slot ${slot}`)
  }

  /** How often nodes have answered with an error of this name so far. */
  async errors(name: string): Promise<number> {
    let sum = 0
    for (const node of this.nodes) {
      const stats = await node.cli('INFO', 'errorstats').catch(() => '')
      sum += Number(new RegExp(`errorstat_${name}:count=(\\d+)`).exec(stats)?.[1] ?? 0)
    }
    return sum
  }

  /** Waits until a replica of `master` has all that was written there. */
  async untilPassedOn(master: RedisServer): Promise<void> {
    await eventually(async () => {
      const info = await master.cli('INFO', 'replication')
      const at = /^slave0:.*,offset=(\d+),/m.exec(info)?.[1]
      const end = /^master_repl_offset:(\d+)/m.exec(info)?.[1]
      return at !== undefined && at === end
    }, PATIENT)
  }

  /** Moves a slot to another master, key by key. @param halfway run while half of the keys are here, half are there */
  async move(slot: number, to: RedisServer, halfway: () => Promise<void>): Promise<void> {
    const from = await this.masterOf(slot)
    const [source, target] = [await from.cli('CLUSTER', 'MYID'), await to.cli('CLUSTER', 'MYID')]
    await to.cli('CLUSTER', 'SETSLOT', `${slot}`, 'IMPORTING', source)
    await from.cli('CLUSTER', 'SETSLOT', `${slot}`, 'MIGRATING', target)
    const keys = async () =>
      (await from.cli('CLUSTER', 'GETKEYSINSLOT', `${slot}`, '1000')).split('\n').filter(Boolean)
    const migrate = async (these: readonly string[]) => {
      await from.cli('MIGRATE', '127.0.0.1', `${to.port}`, '', '0', '5000', 'KEYS', ...these)
    }
    const all = (await keys()).sort()
    await migrate(all.slice(0, Math.ceil(all.length / 2)))
    await halfway()
    await migrate(await keys())
    for (const node of [to, from, ...this.nodes]) {
      // Those that only read are told by their masters.
      await node.cli('CLUSTER', 'SETSLOT', `${slot}`, 'NODE', target).catch(() => undefined)
    }
  }
}
