import { once } from 'node:events'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  json(): any
}

/** One request on a connection of its own, with any Host header: `fetch` would not send one. */
export async function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const outgoing = request({ host: '127.0.0.1', port, path, headers, agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const body = await text(response)
  return {
    status: response.statusCode as number,
    headers: response.headers,
    body,
    json: () => JSON.parse(body),
  }
}
