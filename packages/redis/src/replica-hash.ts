import type { ReplicaReport, TenantReport } from '@tenantry/core'

/** The field that tells of the report itself: no tenant has an empty id. */
export const META = ''

/** A replica's report as it was last read. */
export interface ReplicaHash {
  /** Which beat was the last that changed anything. */
  readonly content: string
  /** The fields as they are in Redis: what has not changed need not be parsed again. */
  readonly fields: Readonly<Record<string, string>>
  readonly report: ReplicaReport
}

/** Undefined: it was not written by a replica. */
export function contentOf(meta: string | null | undefined): string | undefined {
  return meta?.split(' ')[3]
}

/**
 * Reads a hash (null: the key holds something else). Fields that no replica has written are passed over; undefined: all of it is of somebody else.
 *
 * @param before the hash as it was read before
 */
export function parseHash(
  replica: string,
  found: Readonly<Record<string, string>> | null,
  before: ReplicaHash | undefined,
): ReplicaHash | undefined {
  const fields = found ?? {}
  const content = contentOf(fields[META])
  const startedAt = new Date(Number(fields[META]?.split(' ')[0]))
  if (content === undefined || Number.isNaN(startedAt.getTime())) return undefined
  const tenants = new Map<string, TenantReport>()
  for (const [id, field] of Object.entries(fields)) {
    const known = before?.fields[id] === field ? before.report.tenants.get(id) : undefined
    const report = known ?? parseReport(field)
    if (report !== undefined) tenants.set(id, report)
  }
  return { content, fields, report: { replica, startedAt, tenants } }
}

function parseReport(field: string): TenantReport | undefined {
  let given: Record<string, unknown>
  try {
    given = Object(JSON.parse(field))
  } catch {
    return undefined
  }
  const { state, token, all, reason } = given
  const at = new Date(String(given.builtAt ?? given.failedAt))
  if (Number.isNaN(at.getTime())) return undefined
  if (state === 'held' && typeof token === 'string' && typeof all === 'string') {
    return { state, token, all, builtAt: at }
  }
  if (state === 'failed' && isTokenOrNull(token) && isTokenOrNull(all) && typeof reason === 'string') {
    return { state, token, all, failedAt: at, reason }
  }
  return undefined
}

function isTokenOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}
