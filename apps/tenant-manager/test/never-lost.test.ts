import { startTcpProxy, type TcpProxy } from '@tenantry/testing'
import t from 'tap'
import type { Tenant } from '../src/api.ts'
import { allWritten, serversFor, startManager, startReplica } from './support/processes.ts'

const { postgres, redis, newPlaces } = await serversFor(t)

interface Proxies {
  readonly toPostgres: TcpProxy
  readonly toRedis: TcpProxy
}

/** Where to kill the manager: resolves when it has come to that step. */
type Step = (proxies: Proxies) => Promise<unknown>

const COMMITS = /insert into tenantry\.restarts/
const MARKS = /update tenantry\.restarts set written_at/
const WRITES = /\bset\r\n\$\d+\r\ntenantry:tenant:acme\r\n/i
const WRITES_HOSTS = /\bset\r\n\$\d+\r\ntenantry:all-hosts\r\n/i

const STEPS: Record<string, { step: Step; isCommitted: boolean | undefined }> = {
  'before its restart is committed': {
    step: ({ toPostgres }) => toPostgres.holdWhen(COMMITS),
    isCommitted: false,
  },
  'before it commits': {
    step: ({ toPostgres }) => toPostgres.holdWhen(COMMITS, { after: true }),
    isCommitted: false,
  },
  'while it commits': {
    // The reconciler commits, too: which of the two was held is not known.
    step: async ({ toPostgres }) => {
      await toPostgres.holdWhen(COMMITS)
      toPostgres.resume()
      await toPostgres.holdWhen(/\bcommit\b/i, { after: true })
    },
    isCommitted: undefined,
  },
  'before it writes the token': { step: ({ toRedis }) => toRedis.holdWhen(WRITES), isCommitted: true },
  'before it hears that the token is written': {
    step: ({ toRedis }) => toRedis.holdWhen(WRITES, { after: true }),
    isCommitted: true,
  },
  'between two tokens': { step: ({ toRedis }) => toRedis.holdWhen(WRITES_HOSTS), isCommitted: true },
  'before it notes that the token is written': {
    step: ({ toPostgres }) => toPostgres.holdWhen(MARKS),
    isCommitted: true,
  },
  'before it hears that this is noted': {
    step: ({ toPostgres }) => toPostgres.holdWhen(MARKS, { after: true }),
    isCommitted: true,
  },
}

for (const [name, { step, isCommitted }] of Object.entries(STEPS)) {
  t.test(`a manager that is killed ${name} loses no restart`, async (t) => {
    const places = await newPlaces()
    const replicas = [await startReplica(t, places, 'one'), await startReplica(t, places, 'two')]
    const toPostgres = await startTcpProxy({ to: postgres.port })
    const toRedis = await startTcpProxy({ to: redis.port })
    t.teardown(() => {
      toPostgres.close()
      toRedis.close()
    })
    const doomed = await startManager(t, {
      redisUrl: toRedis.urlOf(places.redisUrl),
      databaseUrl: toPostgres.urlOf(places.databaseUrl),
    })
    const tenant = { id: 'acme', name: 'Acme', hostnames: ['acme.example'], config: { tagline: 'old' } }
    t.equal((await doomed.tell('POST /api/tenants', tenant)).status, 201)
    for (const replica of replicas) t.equal(await replica.tagline('acme.example'), 'old')

    const there = step({ toPostgres, toRedis })
    const change = { version: 1, config: { tagline: 'new' }, hostnames: ['acme.example', 'acme.test'] }
    const answer = doomed.tell('PATCH /api/tenants/acme', change).catch((error: unknown) => error)
    await there
    await doomed.stop('SIGKILL')
    t.ok((await answer) instanceof Error, 'it was killed before it answered')

    const manager = await startManager(t, places)
    const { config, version } = (await manager.tell('GET /api/tenants/acme')).reply as Tenant
    if (isCommitted !== undefined) t.equal(version, isCommitted ? 2 : 1)
    t.equal(config.tagline, version === 2 ? 'new' : 'old', 'a change is whole')
    await allWritten(manager, redis)
    for (const replica of replicas) {
      t.equal(await replica.tagline('acme.example'), config.tagline)
      t.equal(await replica.tagline('acme.test'), version === 2 ? 'new' : 404)
    }
  })
}
