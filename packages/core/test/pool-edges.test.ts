import t from 'tap'
import { BackOff } from '../src/back-off.ts'
import { hostDirectory, MemoryTokenStore, TenantLifecycle, TenantPool, TenantryError } from '../src/index.ts'
import { HeldTokenStore } from './fakes/held-token-store.ts'
import { ManualClock, settle } from './fakes/manual-clock.ts'

const load = (id: string) => ({ id })

t.test('G7: what strangers ask for pushes no known tenant out of its back-off', async (t) => {
  const backOff = new BackOff(new ManualClock(), 1)
  const known = { tenant: 'one', all: 'all' }
  backOff.failed('tenant:acme', known)
  backOff.failed('tenant:stranger', { tenant: null, all: 'all' })
  t.equal(backOff.remainingMs('tenant:acme', known), 500)
})

t.test('G3: a tenant whose drain deadline comes while it is checked is not leased', async (t) => {
  const clock = new ManualClock()
  const tokens = new HeldTokenStore({
    all: 'all',
    'all-hosts': 'hosts',
    'tenant:acme': 'one',
    'tenant:beta': 'two',
  })
  const disposed: string[] = []
  const pool = new TenantPool({
    tokens,
    load,
    dispose: ({ id }) => void disposed.push(id),
    clock,
    maxTenants: 1,
    drainTimeoutMs: 0,
  })
  t.teardown(() => pool.close())
  tokens.open = true
  const first = pool.acquire('acme')
  for (let turn = 0; turn < 3; turn += 1) await clock.turn()
  ;(await first).release()

  tokens.open = false
  const checked = pool.acquire('acme')
  await clock.turn()
  const check = tokens.next()
  tokens.open = true
  const other = pool.acquire('beta')
  for (let turn = 0; turn < 3; turn += 1) await clock.turn()
  ;(await other).release()
  await clock.advance(0)
  t.same(disposed, ['acme'], 'evicted, and at its deadline at once')

  check.answer()
  for (let turn = 0; turn < 3; turn += 1) await clock.turn()
  const lease = await checked
  t.same(disposed, ['acme', 'beta'], 'it was built anew, which pushed the other out')
  t.not(lease.signal.aborted, true)
  lease.release()
})

t.test('a build that needs not wait is not refused because others do', async (t) => {
  const tokens = new MemoryTokenStore()
  await new TenantLifecycle(tokens).restartMany(['acme', 'beta'])
  await new TenantLifecycle(tokens).restartAll()
  const held: (() => void)[] = []
  const pool = new TenantPool<object>({
    tokens,
    load: (id) => (id === 'beta' ? { id } : new Promise((resolve) => held.push(() => resolve({ id })))),
    maxTenants: 1,
  })
  const running = pool.acquire('acme')
  await until(() => held.length === 1)
  await new TenantLifecycle(tokens).restart('acme')
  const behind = pool.acquire('acme')
  await until(() => pool.stats().buildsWaiting === 1)
  const other = await pool.acquire('beta')
  t.same(other.tenant, { id: 'beta' })
  other.release()
  held[0]?.()
  await until(() => held.length === 2)
  held[1]?.()
  for (const lease of await Promise.all([running, behind])) lease.release()
  await pool.close()
})

t.test('an error of another pool that has closed is a failure like any other', async (t) => {
  const tokens = new MemoryTokenStore()
  let loads = 0
  const pool = new TenantPool<object>({
    tokens,
    load: () => {
      loads += 1
      throw new TenantryError('TENANTRY_ERR_POOL_CLOSED')
    },
  })
  t.teardown(() => pool.close())
  for (let request = 0; request < 5; request += 1) {
    await t.rejects(pool.acquire('acme'), { code: 'TENANTRY_ERR_BUILD_FAILED' })
  }
  t.equal(loads, 1)
})

t.test('by host, too, a pool that has closed says so', async (t) => {
  const clock = new ManualClock()
  const pool = new TenantPool({ tokens: new HeldTokenStore(), load, clock })
  const acquire = pool.byHost(hostDirectory({ lookup: () => 'acme', hostnamesOf: () => ['acme.example'] }))
  const underWay = acquire('acme.example')
  await clock.turn()
  const closed = pool.close()
  await settle()
  await t.rejects(underWay, { code: 'TENANTRY_ERR_POOL_CLOSED' })
  await t.rejects(acquire('acme.example'), { code: 'TENANTRY_ERR_POOL_CLOSED' })
  await closed
})

t.test('what is no directory is refused by name', async (t) => {
  const pool = new TenantPool({ tokens: new MemoryTokenStore(), load })
  t.teardown(() => pool.close())
  t.throws(() => pool.byHost('host' as never), {
    code: 'TENANTRY_ERR_OPTIONS_INVALID',
    message: 'Expected a host directory, made by `hostDirectory`, got "host"',
  })
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => setImmediate(resolve))
}
