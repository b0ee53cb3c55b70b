import type { RawAnswer } from './wire.ts'

/** What became of a request: the tenant that served it, the code of its error, or Node's own status. */
export function outcome({ statusCode, body }: Pick<RawAnswer, 'statusCode' | 'body'>): string {
  if (statusCode === 200) return body
  const code = /"code":"TENANTRY_ERR_(\w+)"/.exec(body)?.[1] ?? 'by Node'
  return `${statusCode} ${code}`
}
