/** Asks for hosts that are nobody's, in a process of its own: at a rate, each host once, until it is told to stop. */
import { Connection } from './connection.ts'

/** What has been answered between a start and a stop. */
export interface FloodOutcome {
  /** How many answers, by status. */
  readonly answers: Readonly<Record<string, number>>
  /** From the start to the last answer, in milliseconds. */
  readonly tookMs: number
}

/** How long to rest between two looks at what is due, in milliseconds: it shares its core. */
const REST_MS = 1

const [port = '', perSecond = '', connections = ''] = process.argv.slice(2)

/** Of all starts: no host is asked for twice. */
let asked = 0
let stop: Promise<() => Promise<FloodOutcome>> | undefined

process.on('message', async (order: 'start' | 'stop') => {
  if (order === 'start') stop = start()
  else process.send?.(await (await stop)?.())
})
process.on('disconnect', () => process.exit())
process.send?.('up')

async function start(): Promise<() => Promise<FloodOutcome>> {
  // Anew each time: the server closes those that are idle for long.
  const opening = Array.from({ length: Number(connections) }, () => Connection.open(Number(port)))
  const opened = await Promise.all(opening)
  const free = [...opened]
  const answers: Record<string, number> = {}
  const underWay = new Set<Promise<void>>()
  const startedAt = performance.now()
  let sent = 0

  async function send(connection: Connection): Promise<void> {
    asked += 1
    const status = await connection.askForStranger(`nobody-${asked}.example.com`)
    answers[status] = (answers[status] ?? 0) + 1
    free.push(connection)
  }

  function sendDue(): void {
    const due = ((performance.now() - startedAt) / 1000) * Number(perSecond)
    // A request that finds no connection free is left out: whoever floods loses nothing by that.
    for (; sent < due; sent += 1) {
      const connection = free.pop()
      if (connection === undefined) continue
      const exchange = send(connection)
      underWay.add(exchange)
      exchange.then(() => underWay.delete(exchange))
    }
  }

  const timer = setInterval(sendDue, REST_MS)
  return async () => {
    clearInterval(timer)
    await Promise.all(underWay)
    for (const connection of opened) connection.close()
    return { answers, tookMs: performance.now() - startedAt }
  }
}
