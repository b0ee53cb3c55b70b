import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { systemClock } from '../src/clock.ts'
import { hostDirectory } from '../src/host-directory.ts'
import type { Lease } from '../src/lease.ts'
import { TenantPool } from '../src/tenant-pool.ts'
import { ALL, ALL_HOSTS, tenantKey } from '../src/token.ts'
import { everyOrder } from './fakes/every-order.ts'
import { HeldAuthority, type SampleTenant } from './fakes/held-authority.ts'
import { HeldTokenStore } from './fakes/held-token-store.ts'
import { FollowedRequest } from './fakes/pool-scene.ts'

const HOST = 'shop.example'

/** One change of who owns {@link HOST}. */
interface Change {
  before: Record<string, string[]>
  after: Record<string, string[] | Error>
  /** Whose tokens the manager writes, in this order: the new owner's, the old owner's. */
  ids: string[]
  /** Whose the host is afterwards; undefined: nobody's. */
  owner: string | undefined
}

const CHANGES: Record<string, Change> = {
  'a host name is added to a tenant': {
    before: { acme: ['acme.example'] },
    after: { acme: ['acme.example', HOST] },
    ids: ['acme'],
    owner: 'acme',
  },
  'a tenant is created': {
    before: {},
    after: { acme: [HOST] },
    ids: ['acme'],
    owner: 'acme',
  },
  'a host name moves to another tenant': {
    before: { acme: [HOST], beta: [] },
    after: { acme: [], beta: [HOST] },
    ids: ['beta', 'acme'],
    owner: 'beta',
  },
  'a host name moves away from a tenant that cannot be built any more': {
    before: { acme: [HOST], beta: [] },
    after: { acme: new Error('no configuration'), beta: [HOST] },
    ids: ['beta', 'acme'],
    owner: 'beta',
  },
  'a host name is removed': {
    before: { acme: ['acme.example', HOST] },
    after: { acme: ['acme.example'] },
    ids: ['acme'],
    owner: undefined,
  },
  'a tenant is deleted': {
    before: { acme: [HOST] },
    after: {},
    ids: ['acme'],
    owner: undefined,
  },
}

/** What the replica has been asked for when the change begins. */
const ASKED: Record<string, string[]> = {
  'when the replica knows nothing': [],
  'when the replica has been asked for the host': [HOST],
  'when the replica has its tenants in memory, but not the host': ['acme', 'beta'],
}

/** Time stands still; turns of the event loop end by themselves. */
const stillClock = { ...systemClock, now: () => 1000, setTimeout: () => ({ unref() {} }), clearTimeout() {} }

/** A replica, an authority and a manager, each of whose steps is taken when it is told to. */
class World {
  readonly #store: HeldTokenStore
  readonly #authority: HeldAuthority
  readonly #pool: TenantPool<SampleTenant>
  readonly #acquire: (hostname: string) => Promise<Lease<SampleTenant>>

  constructor(tenants: Record<string, string[]>) {
    this.#authority = new HeldAuthority(tenants)
    const tokens = Object.keys(tenants).map((id) => [tenantKey(id), `${id} 1`])
    this.#store = new HeldTokenStore({
      ...Object.fromEntries(tokens),
      [ALL]: 'all 1',
      [ALL_HOSTS]: 'hosts 1',
    })
    const { lookup, load } = this.#authority
    this.#pool = new TenantPool({ tokens: this.#store, load, maxTenants: 4, clock: stillClock })
    this.#acquire = this.#pool.byHost(hostDirectory({ lookup, hostnamesOf: (tenant) => tenant.hostnames }))
  }

  request(): FollowedRequest<SampleTenant> {
    return new FollowedRequest(this.#acquire(HOST))
  }

  /** What waits for an answer of the store or of the authority. */
  takeHeld(which: 'oldest' | 'newest') {
    const { lookups, loads } = this.#authority
    for (const held of [this.#store.held, lookups.held, loads.held]) {
      const operation = which === 'oldest' ? held.shift() : held.pop()
      if (operation !== undefined) return operation
    }
    return undefined
  }

  /** Asks for the host, and for tenants by their ids, while everything is answered at once. */
  async ask(names: string[]): Promise<FollowedRequest<SampleTenant>[]> {
    this.#store.letGo()
    this.#authority.letGo()
    const requests = names.map((name) =>
      name === HOST ? this.request() : new FollowedRequest(this.#pool.acquire(name)),
    )
    while (requests.some(({ outcome }) => outcome === 'waiting')) await turn()
    for (const { lease } of requests) lease?.release()
    this.#store.open = false
    this.#authority.hold()
    return requests
  }

  /** The manager's steps: first the authority, then the tenants' tokens, then that of all hosts. */
  steps({ after, ids }: Change): (() => void)[] {
    const commit = () => {
      this.#authority.tenants.clear()
      for (const [id, tenant] of Object.entries(after)) this.#authority.tenants.set(id, tenant)
    }
    const write = (key: string) => () => void this.#store.write(key, `${key} 2`)
    return [commit, ...ids.map((id) => write(tenantKey(id))), write(ALL_HOSTS)]
  }
}

/** Who has answered: a tenant that names the host, or an error. */
function answeredBy({ outcome, lease }: FollowedRequest<SampleTenant>): string {
  if (lease === undefined) return outcome
  return lease.tenant.hostnames.includes(HOST) ? lease.id : `${lease.id}, which does not name the host,`
}

/**
 * The change happens while a request is under way, of which each step looks at the world once; then comes the next
 * request, either served at once or after the one under way; and when all are through comes a last one.
 */
async function play(change: Change, asked: string[], choose: (count: number) => number) {
  const world = new World(change.before)
  await world.ask(asked)
  const manager = world.steps(change)
  const under = world.request()
  let seen: ReturnType<World['takeHeld']>
  const proceed = async () => {
    seen?.answer()
    seen = undefined
    for (let turns = 0; turns < 4 && seen === undefined; turns += 1) {
      await turn()
      seen = world.takeHeld('oldest')?.perform()
    }
  }
  const order: string[] = []
  for (;;) {
    const ways = [
      manager.length > 0 ? 'manager' : 'next',
      ...(under.outcome === 'waiting' ? ['request'] : []),
    ]
    const way = ways[choose(ways.length)]
    order.push(way as string)
    if (way === 'next') break
    if (way === 'manager') manager.shift()?.()
    else await proceed()
  }

  const next = world.request()
  const overtakes = seen !== undefined && choose(2) === 1
  if (overtakes) order.push('overtakes')
  while (next.outcome === 'waiting' || under.outcome === 'waiting') {
    await turn()
    if (seen !== undefined && !overtakes) await proceed()
    else {
      const held = world.takeHeld(overtakes ? 'newest' : 'oldest')
      if (held === undefined) await proceed()
      else held.answer()
    }
  }
  const [last] = (await world.ask([HOST])) as [FollowedRequest<SampleTenant>]
  return { order: order.join(', '), under: answeredBy(under), next: answeredBy(next), last: answeredBy(last) }
}

for (const [changing, change] of Object.entries(CHANGES)) {
  t.test(`G9: ${changing}, in every order with a request under way`, async (t) => {
    const right = change.owner ?? 'TENANTRY_ERR_TENANT_NOT_FOUND'
    const possible = ['acme', 'beta', 'TENANTRY_ERR_TENANT_NOT_FOUND']
    if (change.after.acme instanceof Error) possible.push('TENANTRY_ERR_BUILD_FAILED')
    for (const [known, asked] of Object.entries(ASKED)) {
      const wrong: unknown[] = []
      const orders = await everyOrder(async (choose) => {
        const played = await play(change, asked, choose)
        if (played.next !== right || played.last !== right || !possible.includes(played.under))
          wrong.push(played)
      })
      t.same(wrong.slice(0, 3), [], `${known}: ${wrong.length} of ${orders} orders are wrong`)
      t.ok(orders > 10)
    }
  })
}
