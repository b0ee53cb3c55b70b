import { SAMPLE_TENANTS_FILE, TenantsFile } from '@tenantry/sample-server'
import { type Answer, eventually } from '@tenantry/testing'
import t, { type Test } from 'tap'
import { type ComposeLab, findComposeLab, openComposeLab } from './support/compose-lab.ts'

const found = findComposeLab()

if ('missing' in found) t.plan(0, found.missing)
else t.test('docker compose up', (t) => testCompose(t, found.path))

async function testCompose(t: Test, path: string): Promise<void> {
  const lab = await openComposeLab(path)
  t.teardown(() => lab.close())
  await lab.compose('build', 'app')
  await lab.compose('up', '--detach', '--wait')
  const front = await lab.publishedAt(8080)
  const manager = await lab.publishedAt(4000)
  const key = (await lab.compose('exec', '-T', 'manager', 'cat', '/var/lib/tenantry/manager-key')).trim()
  const authorization = `Bearer ${key}`

  const whoAmI = (host: string) => front('/whoami', { headers: { host } })

  /** Asks often enough for every replica to have its turn. */
  const askAll = async (host: string) => {
    const answers: Answer[] = []
    for (let count = 0; count < 40; count += 1) answers.push(await whoAmI(host))
    return answers
  }

  const untilServing = (expected: readonly string[]) =>
    eventually(async () => replicasOf(await askAll('acme.localhost')).join() === expected.join(), {
      timeoutMs: 30_000,
    })

  await t.test('every sample tenant is served by all four replicas', async (t) => {
    const replicas = await runningReplicas(lab)
    t.equal(replicas.length, 4)
    await untilServing(replicas)
    for (const { id, hostnames } of await new TenantsFile(SAMPLE_TENANTS_FILE).all()) {
      const answers = await askAll(hostnames[0] as string)
      t.strictSame(unique(answers.map(({ status }) => status)), [200])
      t.strictSame(unique(answers.map((answer) => answer.json().tenant.id)), [id])
      t.strictSame(replicasOf(answers), replicas, `${id} on all replicas`)
    }
    t.equal((await whoAmI('nobody.localhost')).status, 404)
  })

  await t.test('the manager lets nobody in without the key that it has made', async (t) => {
    t.match(key, /^[\w-]{43}$/)
    t.equal((await manager('/api/tenants')).status, 401)
    const { status, ...answer } = await manager('/api/tenants', { headers: { authorization } })
    t.equal(status, 200)
    t.equal(answer.json().total, 5)
  })

  await t.test('G1: a restart is in force at every replica from the next request on', async (t) => {
    for (let round = 0; round < 5; round += 1) {
      const answer = await manager('/api/tenants/acme/restart', {
        method: 'POST',
        headers: { authorization },
      })
      t.match(answer.json(), { written: true })
      const answers = await askAll('acme.localhost')
      t.strictSame(unique(answers.map((each) => each.json().token)), [answer.json().token])
      t.equal(replicasOf(answers).length, 4)
    }
  })

  await t.test('the command line knows the key, and waits for the replicas', async (t) => {
    // A tenant that nobody asks for is nowhere: only what is built shows that it can be.
    const traffic = startTraffic(t, () => whoAmI('acme.localhost'))
    const printed = await lab.compose('run', '--rm', '-T', 'tenantry', 'restart', 'acme', '--wait', '--json')
    t.match(JSON.parse(printed), { written: true, convergence: [{ tenant: 'acme', converged: true }] })
    t.strictSame(await traffic.stop(), [])
  })

  await t.test('two more replicas are taken up without an edit, and without a failure', async (t) => {
    await manager('/api/tenants/initech', { method: 'DELETE', headers: { authorization } })
    const traffic = startTraffic(t, () => whoAmI('acme.localhost'))
    await lab.compose('up', '--detach', '--wait', '--no-recreate', '--scale', 'app=6')
    const replicas = await runningReplicas(lab)
    t.equal(replicas.length, 6)
    await untilServing(replicas)
    t.strictSame(await traffic.stop(), [])
    t.equal((await whoAmI('initech.localhost')).status, 404, 'what was deleted is not seeded again')
  })

  await t.test('a killed replica costs no request that may be repeated', async (t) => {
    const [victim, ...others] = await runningReplicas(lab)
    const traffic = startTraffic(t, () => whoAmI('acme.localhost'))
    await lab.podman('kill', (victim as string).replace(/-1$/, ''))
    await untilServing(others)
    t.strictSame(await traffic.stop(), [])
  })

  await t.test('replicas that are taken away end by themselves, and cost no request', async (t) => {
    const traffic = startTraffic(t, () => whoAmI('acme.localhost'))
    await lab.compose('up', '--detach', '--wait', '--no-recreate', '--scale', 'app=2')
    const replicas = await runningReplicas(lab)
    t.equal(replicas.length, 2)
    await untilServing(replicas)
    t.strictSame(await traffic.stop(), [])
  })

  await t.test(
    'the load test finds nothing amiss while replicas are added, killed and taken away',
    async (t) => {
      const name = 'tenantry-test-loadtest'
      // Longer than all that is done below; nobody waits for the end.
      const options = ['--seconds=300', '--connections=8', '--tenants=20', '--json']
      const printed = lab.compose('run', '--rm', '-T', '--no-deps', '--name', name, 'loadtest', ...options)
      // Where something goes wrong below, it would go on.
      t.teardown(() => lab.podman('rm', '--force', '--ignore', name))
      // Looked at below; until then, that it fails is for those who wait for it.
      printed.catch(() => {})
      const isUnderLoad = async () => (await whoAmI('load-0020.localhost')).status === 200
      await Promise.race([printed, eventually(isUnderLoad, { timeoutMs: 60_000, intervalMs: 100 })])

      await lab.compose('up', '--detach', '--wait', '--no-recreate', '--scale', 'app=4')
      const [victim, ...others] = await runningReplicas(lab)
      t.equal(others.length, 3)
      await lab.podman('kill', (victim as string).replace(/-1$/, ''))
      await untilServing(others)
      await lab.compose('up', '--detach', '--wait', '--no-recreate', '--scale', 'app=2')
      // As Ctrl-C does: it ends the run, and what was measured is told.
      await lab.podman('kill', '--signal=INT', name)

      const { verdicts, failures, findings, cost, convergence } = JSON.parse(await printed)
      t.match(verdicts, { stale: 0, torn: 0, wrong: 0 }, JSON.stringify(findings))
      t.ok(failures.unexplained <= 8, 'nothing fails but what the killed one had')
      t.ok(convergence.last.count > 0)
      t.ok(cost.replicas.length >= 4, 'those that came and went have all answered')
      t.ok(cost.builds > 0, 'all of them tell their metrics, by the one name that they share')
      t.ok(cost.redisPer100Requests > 0)
      const list = ['run', '--rm', '-T', '--no-deps', '--entrypoint', 'ls', 'loadtest', '/var/lib/load-test']
      t.match(await lab.compose(...list), /^[\w.-]+Z\.html\n[\w.-]+Z\.json\n$/)
      t.equal((await whoAmI('load-0001.localhost')).status, 404, 'it takes its tenants away')
    },
  )

  await t.test('metrics are for those on its networks: a tenant has none', async (t) => {
    t.equal((await front('/metrics', { headers: { host: 'acme.localhost' } })).status, 404)
    const ask = `fetch('http://app:9090/metrics').then(async (page) => console.log(await page.text()))`
    t.match(await lab.compose('exec', '-T', 'app', 'node', '--eval', ask), /^tenantry_store_reachable 1$/m)
  })

  await t.test('the image runs as nobody in particular, and holds what it needs in production', async (t) => {
    t.equal((await lab.compose('exec', '-T', 'app', 'id', '-un')).trim(), 'node')
    const dependencies = await lab.compose('exec', '-T', 'app', 'ls', 'node_modules/.pnpm')
    t.match(dependencies, /^fastify@/m)
    t.notMatch(dependencies, /^(tap|typescript|esbuild|playwright-core|axe-core|@types\+node)@/m)
  })

  await t.test('SIGTERM ends both apps with 0', async (t) => {
    await lab.compose('stop', 'app', 'manager')
    const ended = (await lab.containers()).filter(({ Service }) => /^(app|manager)$/.test(Service))
    t.strictSame(
      ended.filter(({ State }) => State === 'exited').map(({ ExitCode }) => ExitCode),
      [0, 0, 0],
    )
  })

  await t.test('down leaves no container', async (t) => {
    await lab.compose('down', '--volumes')
    t.strictSame(await lab.containers(), [])
  })
}

/** What the replicas that run call themselves, in order. */
async function runningReplicas(lab: ComposeLab): Promise<string[]> {
  const apps = (await lab.containers()).filter(
    ({ Service, State }) => Service === 'app' && State === 'running',
  )
  return apps.map(({ ID }) => `${ID.slice(0, 12)}-1`).sort()
}

/** Who has answered, in order. */
function replicasOf(answers: readonly Answer[]): string[] {
  return unique(answers.map(({ headers }) => String(headers['x-tenantry-replica']))).sort()
}

function unique<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values)]
}

/** Asks without a pause, four at a time. `stop` resolves to what went wrong: errors, and answers other than 200. */
function startTraffic(t: Test, ask: () => Promise<Answer>): { stop(): Promise<unknown[]> } {
  const failures: unknown[] = []
  let isOn = true
  const askers = Array.from({ length: 4 }, goOnAsking)
  // Where something else has gone wrong before: it would go on for ever.
  t.teardown(stop)
  return { stop }

  async function goOnAsking(): Promise<void> {
    while (isOn) {
      const answer = await ask().catch((error: unknown) => ({ status: error, body: '' }))
      if (answer.status !== 200) failures.push(`${answer.status} ${answer.body}`)
    }
  }

  async function stop(): Promise<unknown[]> {
    isOn = false
    await Promise.all(askers)
    return failures
  }
}
