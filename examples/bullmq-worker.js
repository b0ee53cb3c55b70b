// @ts-check
/**
 * A queue worker (BullMQ): each job has its tenant for as long as it runs, restart or not. Here a job delivers events to
 * the webhook of its tenant; this receives them, and takes five seconds for each:
 *
 *   node -e "require('http').createServer((_, res) => setTimeout(() => res.end(), 5000)).listen(4000)"
 *   node examples/bullmq-worker.js
 *   node examples/bullmq-worker.js acme.localhost ordered paid shipped   # adds a job
 *
 * While it runs, change Acme's webhook to http://127.0.0.1:4000/new in `examples/tenants.json`, restart Acme, and add
 * another job: the first one ends where it began, the second one delivers to the new place.
 *
 *   redis-cli SET tenantry:tenant:acme.localhost $(openssl rand -hex 16)
 *
 * Asked to end (Ctrl-C), it waits for the jobs under way, a minute at most; asked again, it ends at once.
 */
import { TenantPool, TenantryError } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import { Queue, UnrecoverableError, Worker } from 'bullmq'
import { readTenant } from './support/database.js'

const { REDIS_URL = 'redis://localhost', END_WITHIN_MS = '60000' } = process.env
const connection = { url: REDIS_URL }

const [id, ...events] = process.argv.slice(2)
if (id === undefined) work()
else await addJob({ id, events })

/** @param {{ id: string, events: readonly string[] }} data */
async function addJob(data) {
  const queue = new Queue('webhooks', { connection })
  await queue.add('deliver', data, {
    // While its tenant cannot be had, a job fails: it is tried again.
    attempts: 5,
    backoff: { type: 'exponential', delay: 1000 },
    // Kept for ever, they fill Redis up; and one that is full takes no restarts any more, if it holds the tokens, too.
    removeOnComplete: { count: 1000 },
    removeOnFail: { count: 1000 },
  })
  await queue.close()
}

function work() {
  const pool = new TenantPool({
    tokens: () => new RedisTokenStore(REDIS_URL),
    load: readTenant,
    // Longer than the longest job: at this deadline a restarted tenant is disposed of, even under a job.
    drainTimeoutMs: 60 * 60_000,
    // How soon the jobs at work hear of a restart, where no other job of the tenant begins meanwhile.
    sweepMs: 1000,
  })
  pool.on('replaced', ({ id }) => console.log(`${id} has been restarted`))

  /** @param {import('bullmq').Job} job */
  async function deliver(job) {
    await pool.use(job.data.id, async ({ webhook }, { signal }) => {
      // What an earlier attempt has delivered is not delivered again.
      for (let done = Number(job.progress); done < job.data.events.length; done += 1) {
        // A job that can might as well end here, and leave the rest to one that begins anew.
        if (signal.aborted) console.log(`Job ${job.id} goes on as it began: ${signal.reason.message}`)
        await post(webhook, job.data.events[done])
        console.log(`Job ${job.id} delivered "${job.data.events[done]}" to ${webhook}`)
        await job.updateProgress(done + 1)
      }
    })
  }

  /** @param {import('bullmq').Job} job */
  const deliverOrGiveUp = (job) =>
    deliver(job).catch((error) => {
      // No such tenant: to try again is of no use.
      if (error instanceof TenantryError && error.code === 'TENANTRY_ERR_TENANT_NOT_FOUND') {
        throw new UnrecoverableError(error.message)
      }
      throw error
    })
  const worker = new Worker('webhooks', deliverOrGiveUp, { connection, concurrency: 10 })

  // While Redis is down, every attempt to reach it says so: it is told once, until a job begins again.
  let told = ''
  worker.on('error', ({ message }) => {
    if (message !== told) console.error(message)
    told = message
  })
  worker.on('active', () => {
    told = ''
  })
  worker.on('failed', (job, error) => console.error(`Job ${job?.id} failed:`, error))

  async function close() {
    console.log('Ending, after the jobs under way')
    // While Redis is silent, the worker waits for it without end. Jobs that are cut off here are begun again, by another
    // worker, where their progress says.
    setTimeout(() => process.exit(1), Number(END_WITHIN_MS)).unref()
    // First the worker, which waits for them: they need their tenants.
    await worker.close()
    await pool.close()
  }
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, close)
  console.log('Waiting for jobs')
}

/** @param {string} webhook @param {string} event */
async function post(webhook, event) {
  const limit = AbortSignal.timeout(10_000)
  const { ok, status, body } = await fetch(webhook, { method: 'POST', body: event, signal: limit })
  // Whatever else it says is of no interest, and would keep the connection.
  await body?.cancel()
  if (!ok) throw new Error(`${webhook} answered ${status}`)
}
