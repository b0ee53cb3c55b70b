// @ts-check
/**
 * A scheduled job (croner): every ten seconds it sends each tenant's report, part by part, to the tenant's webhook. This
 * receives them, and takes three seconds for each:
 *
 *   node -e "require('http').createServer((_, res) => setTimeout(() => res.end(), 3000)).listen(4000)"
 *   node examples/scheduled-job.js
 *
 * Change Acme's webhook to http://127.0.0.1:4000/new in `examples/tenants.json` while its report is being sent, and restart
 * Acme: the report ends early, and the next run sends it to the new place. A webhook that is silent for ten seconds fails.
 *
 *   redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 */
import { TenantPool } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import { Cron } from 'croner'
import { readTenant, readTenants } from './support/database.js'

const { REDIS_URL = 'redis://localhost', SCHEDULE = '*/10 * * * * *' } = process.env

const pool = new TenantPool({
  tokens: () => new RedisTokenStore(REDIS_URL),
  load: readTenant,
  // Longer than any report takes: at this deadline a restarted tenant is disposed of, even under a job.
  drainTimeoutMs: 10 * 60_000,
  // How soon a report that is being sent hears of a restart.
  sweepMs: 1000,
})
pool.on('replaced', ({ id }) => console.log(`${id} has been restarted`))

// `protect`: a run that is due while the last one is still at work is left out.
const job = new Cron(SCHEDULE, { protect: true, catch: (error) => console.error(error) }, async () => {
  for (const id of (await readTenants()).keys()) {
    if (job.isStopped()) return
    // A tenant that cannot be had, or whose webhook fails, keeps nobody else's report from being sent.
    await sendReport(id).catch((error) => console.error(`${id}:`, error))
  }
})

/** @param {string} id */
async function sendReport(id) {
  await pool.use(id, async ({ webhook }, { signal }) => {
    for (const part of ['orders', 'stock', 'returns']) {
      if (signal.aborted) {
        console.log(`${id}: the report ends early: ${signal.reason.message}`)
        break
      }
      const limit = AbortSignal.timeout(10_000)
      const { ok, status, body } = await fetch(webhook, { method: 'POST', body: part, signal: limit })
      // Whatever else it says is of no interest, and would keep the connection.
      await body?.cancel()
      if (!ok) throw new Error(`${webhook} answered ${status}`)
      console.log(`${id}: sent ${part} to ${webhook}`)
    }
  })
}

async function close() {
  console.log('Ending, after the report under way')
  job.stop()
  // The signal tells the report of it, which ends early and is waited for.
  await pool.close()
}
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, close)
console.log(`Waiting for ${job.nextRun()?.toISOString()}`)
