import { parentPort, workerData } from 'node:worker_threads'
import { restartIdOf } from './answer.ts'
import { Ledger } from './ledger.ts'
import { FIRST_SEQUENCE, fieldsOf, type LoadTenant } from './load-tenants.ts'
import { ManagerClient, type ManagerReply } from './manager-client.ts'
import { monotonicMs } from './monotonic-ms.ts'
import type { RestarterData } from './restarter.ts'

/** What the manager holds of a tenant, as far as is known here. */
interface Known {
  readonly tenant: LoadTenant
  /** Undefined: an answer was lost, so that it must be read anew. */
  version: number | undefined
  /** Of the configuration that is committed, at least. */
  sequence: number
}

/** How often to ask what has become of restarts that are to be written later, in milliseconds. */
const PENDING_EVERY_MS = 250

const { manager: place, tenants, restartEveryMs, shared } = workerData as RestarterData
const ledger = new Ledger(shared)
const manager = new ManagerClient(place)
const underWay = new Set<Promise<void>>()
/** Those that no restart is under way of. */
const idle: Known[] = tenants.map((tenant) => ({
  tenant,
  version: tenant.version,
  sequence: FIRST_SEQUENCE,
}))
/** The last restart of each tenant that was committed, and not written yet. */
const pending = new Map<LoadTenant, { readonly id: number; readonly sequence: number }>()
/** The manager has asked to be left alone until then. */
let pausedUntil = 0

function restartOne(): void {
  if (idle.length === 0 || monotonicMs() < pausedUntil) return
  const at = Math.floor(Math.random() * idle.length)
  const last = idle.pop() as Known
  const chosen = idle[at] ?? last
  if (chosen !== last) idle[at] = last
  run(async () => {
    await (Math.random() < 0.5 ? restart(chosen) : change(chosen))
    idle.push(chosen)
  })
}

async function restart(known: Known): Promise<void> {
  const reply = await tell('POST', `/tenants/${known.tenant.id}/restart`)
  if (reply === undefined) return
  ledger.count('plain')
  enter(known, reply)
}

async function change(known: Known): Promise<void> {
  const { id } = known.tenant
  if (known.version === undefined && !(await readAnew(known))) return
  const sequence = known.sequence + 1
  const content = { version: known.version, ...fieldsOf(id, sequence) }
  // Until the answer is there, nobody knows.
  known.version = undefined
  const reply = await tell('PATCH', `/tenants/${id}`, content)
  if (reply === undefined) return
  known.version = reply.body.version
  known.sequence = sequence
  ledger.count('changes')
  enter(known, reply)
}

async function readAnew(known: Known): Promise<boolean> {
  const reply = await tell('GET', `/tenants/${known.tenant.id}`)
  if (reply === undefined) return false
  known.version = reply.body.version
  known.sequence = reply.body.config.load.sequence
  return true
}

/** 200: the store has it. 202: it is committed, and nothing can be required of anybody yet. */
function enter({ tenant, sequence }: Known, { status, body }: ManagerReply): void {
  const resolvedAt = status === 200 ? monotonicMs() : undefined
  const id = restartIdOf(body.token)
  if (id === undefined)
    throw new Error(`Expected a token that begins with a number and a dot, got ${body.token}`)
  ledger.append({ tenant: tenant.index, id, sequence, resolvedAt })
  if (resolvedAt !== undefined) {
    pending.delete(tenant)
    return
  }
  ledger.count('pending')
  pending.set(tenant, { id, sequence })
}

/** Undefined: it was not answered, or refused. It is counted; what has become of it, the next reading tells. */
async function tell(method: string, path: string, content?: object): Promise<ManagerReply | undefined> {
  try {
    const reply = await manager.tell(method, path, content)
    if (reply.status === 200 || reply.status === 202) return reply
    if (reply.retryAfterMs !== undefined) pausedUntil = monotonicMs() + reply.retryAfterMs
  } catch {
    // As good as refused.
  }
  ledger.count('failed')
  return undefined
}

/** Looks up in the history whether what was to be written later has been. */
async function followPending(): Promise<void> {
  for (const [tenant, awaited] of pending) {
    const reply = await manager.tell('GET', `/restarts?tenant=${tenant.id}`).catch(() => undefined)
    if (reply?.status !== 200) return
    const lines = reply.body.restarts as readonly { readonly id: string; readonly writtenAt: string | null }[]
    const isWritten = lines.some(({ id, writtenAt }) => Number(id) === awaited.id && writtenAt !== null)
    // A later one may have come meanwhile.
    if (!isWritten || pending.get(tenant) !== awaited) continue
    pending.delete(tenant)
    ledger.append({ tenant: tenant.index, ...awaited, resolvedAt: monotonicMs() })
  }
}

function run(task: () => Promise<void>): void {
  // What it rejects with is a mistake of this file, and ends the thread.
  const running = task().finally(() => underWay.delete(running))
  underWay.add(running)
}

let isFollowing = false
const timers = [
  setInterval(restartOne, restartEveryMs),
  setInterval(() => {
    if (isFollowing || pending.size === 0) return
    isFollowing = true
    run(async () => {
      await followPending()
      isFollowing = false
    })
  }, PENDING_EVERY_MS),
]

parentPort?.postMessage('ready')
parentPort?.once('message', async () => {
  for (const timer of timers) clearInterval(timer)
  await Promise.all(underWay)
  await manager.close()
  parentPort?.close()
})
