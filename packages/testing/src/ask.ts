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

export interface Question {
  /** @default 'GET' */
  method?: string
  headers?: Record<string, string>
  body?: string
}

/**
 * One request to a server on this machine, on a connection of its own, with any Host header: `fetch` would not send
 * one.
 */
export async function ask(port: number, path: string, question: Question = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body: sent = '' } = question
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false }).end(sent)
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const body = await text(response)
  return {
    status: response.statusCode as number,
    headers: response.headers,
    body,
    json: () => JSON.parse(body),
  }
}
