/** One subject in a process of its own. Tells its port, and then what it is asked for. */
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { subjectNamed } from './subjects/index.ts'
import { hostOf, newTenant } from './tenant.ts'

const [name = '', redisUrl = '', tenants = ''] = process.argv.slice(2)

const answers: Record<string, () => number | Promise<number>> = { cpuUs, heapBytes, tenantBytes }

const app = await subjectNamed(name).serve({ redisUrl, tenants: Number(tenants) })
await app.listen({ port: 0, host: '127.0.0.1' })
process.on('message', async (question: string) => {
  process.send?.(await answers[question]?.())
})
process.on('disconnect', () => process.exit())
process.send?.((app.server.address() as AddressInfo).port)

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** What is in use once the garbage is gone, in bytes. */
async function heapBytes(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('Expected node to be run with --expose-gc')
  for (let round = 0; round < 5; round += 1) {
    // What a collection has found to be unreachable may free more by its finalizers, a turn later.
    globalThis.gc()
    await nextTurn()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** What the tenants alone take up, in a list, in bytes. */
async function tenantBytes(): Promise<number> {
  const before = await heapBytes()
  const held = Array.from({ length: Number(tenants) }, (_, index) => newTenant(hostOf(index)))
  // As in a server that has answered: until they are sent, their strings may still be in pieces.
  JSON.stringify(held)
  const after = await heapBytes()
  // Asked for its length only now, lest they count as garbage before.
  return held.length > 0 ? after - before : 0
}
