import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

/** One event that was delivered. Whoever delivers it waits until it is answered. */
interface Delivery {
  readonly path: string
  readonly body: string
  /** @param status @default 200 */
  answer(status?: number): void
}

export interface WebhookReceiver {
  readonly url: string
  /** The next delivery, in the order of their arrival. @throws when there is none within 30 s */
  next(): Promise<Delivery>
  /** From now on, answers everything at once. */
  answerAll(): void
}

/** Receives what jobs deliver, and lets each job go on when the test says so. */
export async function startWebhookReceiver(t: Test): Promise<WebhookReceiver> {
  const arrived: Delivery[] = []
  let waiting: ((delivery: Delivery) => void) | undefined
  let holds = true
  const server = createServer(async (request, response) => {
    const delivery: Delivery = {
      path: request.url as string,
      body: await text(request),
      answer: (status = 200) => void response.writeHead(status).end(),
    }
    if (!holds) return delivery.answer()
    if (waiting === undefined) arrived.push(delivery)
    else waiting(delivery)
    waiting = undefined
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async next() {
      const first = arrived.shift()
      if (first !== undefined) return first
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('Nothing has been delivered for 30 s')), 30_000)
        waiting = (delivery) => {
          clearTimeout(timer)
          resolve(delivery)
        }
      })
    },
    answerAll() {
      holds = false
      for (const delivery of arrived.splice(0)) delivery.answer()
    },
  }
}
