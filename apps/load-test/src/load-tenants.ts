import { setTimeout as sleep } from 'node:timers/promises'
import { restartIdOf } from './answer.ts'
import type { Ledger } from './ledger.ts'
import { LoadTestError } from './load-test-error.ts'
import type { ManagerClient, ManagerReply } from './manager-client.ts'
import { monotonicMs } from './monotonic-ms.ts'

/** A tenant that a run has made for itself. */
export interface LoadTenant {
  /** Its place in the list. */
  readonly index: number
  readonly id: string
  readonly hostname: string
  /** As it was created; the manager counts on from there. */
  readonly version: number
}

/** Of the configuration that a tenant is created with. */
export const FIRST_SEQUENCE = 1

/** How many requests of these the manager is given at a time. */
const AT_A_TIME = 8

/** More than `load-9999` are `load-10000` and so on. */
const ID = /^load-\d{4,}$/

const idOf = (index: number) => `load-${`${index + 1}`.padStart(4, '0')}`

/** What a tenant is called, and what its tagline is: all of it changes with its sequence. */
export function nameOf(id: string, sequence: number): string {
  return `${id} #${sequence}`
}

/** A tenant's fields, with a configuration in which nothing can be mistaken for that of another one. */
export function fieldsOf(id: string, sequence: number): { readonly name: string; readonly config: object } {
  const name = nameOf(id, sequence)
  return { name, config: { tagline: name, load: { tenant: id, sequence } } }
}

/**
 * Creates the tenants of a run, `load-0001.localhost` and so on, and enters their first restarts in the ledger. Those
 * that an earlier run has left behind are deleted before.
 *
 * @throws LoadTestError when the manager does not do so; the signal's reason when it fires meanwhile. What was created
 *   is deleted then.
 */
export async function createLoadTenants(
  manager: ManagerClient,
  count: number,
  { ledger, signal }: { readonly ledger: Ledger; readonly signal?: AbortSignal | undefined },
): Promise<readonly LoadTenant[]> {
  await eachOf(await listLeftovers(manager), (id) => remove(manager, id))
  const tenants: LoadTenant[] = []
  await eachOf([...Array(count).keys()], async (index) => {
    signal?.throwIfAborted()
    const id = idOf(index)
    const hostname = `${id}.localhost`
    const asked = { id, hostnames: [hostname], ...fieldsOf(id, FIRST_SEQUENCE) }
    const { body } = await insist(manager, 'POST /tenants', { expected: [201], content: asked })
    const resolvedAt = monotonicMs()
    const restart = restartIdOf(body.token)
    if (restart === undefined)
      throw new LoadTestError(`Expected a token such as 7.x of ${id}, got ${body.token}`)
    ledger.append({ tenant: index, id: restart, sequence: FIRST_SEQUENCE, resolvedAt })
    tenants[index] = { index, id, hostname, version: body.version }
  }).catch(async (error: unknown) => {
    // As far as they can be: what went wrong first is what is told.
    await deleteLoadTenants(manager, Object.values(tenants)).catch(() => {})
    throw error
  })
  return tenants
}

/** @throws LoadTestError when the manager does not do so: the next run does */
export async function deleteLoadTenants(
  manager: ManagerClient,
  tenants: readonly LoadTenant[],
): Promise<void> {
  await eachOf(tenants, ({ id }) => remove(manager, id))
}

async function remove(manager: ManagerClient, id: string): Promise<void> {
  await insist(manager, `DELETE /tenants/${id}`, { expected: [202, 204, 404] })
}

/** Only what a run has made is deleted: a tenant may be called so for a reason of its own. */
async function listLeftovers(manager: ManagerClient): Promise<readonly string[]> {
  const leftovers: string[] = []
  let after: string | null = ''
  while (after !== null) {
    const query = new URLSearchParams({ search: 'load-', limit: '1000', ...(after !== '' && { after }) })
    const { body }: ManagerReply = await insist(manager, `GET /tenants?${query}`, { expected: [200] })
    const ids = (body.tenants as readonly { id: string }[]).map(({ id }) => id)
    leftovers.push(...ids.filter((id) => ID.test(id)))
    after = body.next
  }
  await eachOf(leftovers, async (id) => {
    const { status, body } = await insist(manager, `GET /tenants/${id}`, { expected: [200, 404] })
    if (status === 404 || body.config.load?.tenant === id) return
    throw new LoadTestError(
      `The tenant ${id} is there, and no load test has made it: expected that name to be free`,
    )
  })
  return leftovers
}

interface Insisting {
  readonly expected: readonly number[]
  readonly content?: object
}

/** Asks until the manager has the time. @throws LoadTestError when it answers something else than is expected */
async function insist(
  manager: ManagerClient,
  line: string,
  { expected, content }: Insisting,
): Promise<ManagerReply> {
  const [method = '', path = ''] = line.split(' ')
  for (;;) {
    const reply = await manager.tell(method, path, content).catch((cause: Error) => {
      throw new LoadTestError(`The tenant manager does not answer ${line}: ${cause.message}`, { cause })
    })
    if (expected.includes(reply.status)) return reply
    if (reply.status !== 429 || reply.retryAfterMs === undefined) {
      const got = `${reply.status} ${JSON.stringify(reply.body)}`
      throw new LoadTestError(
        `Expected the tenant manager to answer ${line} with ${expected.join(' or ')}, got ${got}`,
      )
    }
    await sleep(reply.retryAfterMs)
  }
}

/** A few at a time. Rejects with the first failure, once what is under way has ended. */
async function eachOf<Item>(items: readonly Item[], run: (item: Item) => Promise<void>): Promise<void> {
  const left = items.values()
  let failure: unknown
  async function work(): Promise<void> {
    // All workers take from the one iterator.
    for (const item of left) {
      if (failure !== undefined) return
      await run(item).catch((error: unknown) => {
        failure ??= error
      })
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, work))
  if (failure !== undefined) throw failure
}
