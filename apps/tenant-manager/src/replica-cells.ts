import { createHash } from 'node:crypto'
import type { ReplicaReport, TenantReport } from '@tenantry/core'
import type { BoardChange, Cell, Replica } from './api.ts'
import { atOf, stateOf, summaryOf, type Wanted } from './convergence.ts'
import type { TenantFeed } from './tenant-feed.ts'

type CellChanges = NonNullable<BoardChange['cells']>

interface Known {
  readonly report: TenantReport
  readonly wanted: Wanted
  readonly cell: Cell | undefined
}

/** What is known of one replica. */
interface Column {
  readonly source: ReplicaReport['tenants']
  readonly feedVersion: number
  readonly replica: Replica
  readonly known: ReadonlyMap<string, Known>
}

/** The cells of the grid: what each replica tells of each tenant that is followed. */
export class ReplicaCells {
  #columns = new Map<string, Column>()

  /** Takes the replicas' reports in; returns what has changed. */
  update(reports: readonly ReplicaReport[], feed: TenantFeed): Pick<BoardChange, 'replicas' | 'cells'> {
    const before = this.#columns
    this.#columns = new Map()
    const cells: [string, CellChanges[string]][] = []
    const set: Replica[] = []
    for (const report of reports) {
      const old = before.get(report.replica)
      const column = columnOf(report, feed, old)
      this.#columns.set(report.replica, column)
      if (column === old) continue
      if (old === undefined || !isSameReplica(old.replica, column.replica)) set.push(column.replica)
      const change = difference(old?.known, column.known)
      if (change !== undefined) cells.push([report.replica, change])
    }
    const gone = [...before.keys()].filter((name) => !this.#columns.has(name))
    return {
      ...((set.length > 0 || gone.length > 0) && { replicas: { set, gone } }),
      ...(cells.length > 0 && { cells: Object.fromEntries(cells) }),
    }
  }

  /** All that is known. */
  snapshot(): Required<Pick<BoardChange, 'replicas' | 'cells'>> {
    const columns = [...this.#columns]
    const set = columns.map(([, { replica }]) => replica)
    const cells = columns.map(([name, { known }]) => [name, difference(undefined, known)] as const)
    const filled = cells.filter((entry): entry is [string, CellChanges[string]] => entry[1] !== undefined)
    return { replicas: { set, gone: [] }, cells: Object.fromEntries(filled) }
  }
}

/** The same column, where neither the replica tells anything new nor the tenants have changed. */
function columnOf(report: ReplicaReport, feed: TenantFeed, old: Column | undefined): Column {
  const { tenants: source } = report
  if (old !== undefined && old.source === source && old.feedVersion === feed.version) {
    if (old.replica.startedAt === report.startedAt.toISOString()) return old
  }
  const known = new Map<string, Known>()
  for (const [id, tenantReport] of source) {
    if (!feed.tenants.has(id)) continue
    const wanted = feed.wantedOf(id)
    const before = old?.known.get(id)
    known.set(
      id,
      before !== undefined && stands(before, tenantReport, wanted) ? before : know(tenantReport, wanted),
    )
  }
  return { source, feedVersion: feed.version, replica: summaryOf(report), known }
}

function know(report: TenantReport, wanted: Wanted): Known {
  return { report, wanted, cell: cellOf(report, wanted) }
}

function stands({ report, wanted }: Known, next: TenantReport, nextWanted: Wanted): boolean {
  return report === next && wanted.tenant === nextWanted.tenant && wanted.all === nextWanted.all
}

function cellOf(report: TenantReport, wanted: Wanted): Cell | undefined {
  const state = stateOf(report, wanted)
  if (state === 'not-loaded') return undefined
  return {
    state,
    stamp: digestOf(report),
    at: atOf(report).toISOString(),
    ...(report.state === 'failed' && { reason: report.reason }),
  }
}

/** Reports of one tenant by many replicas are mostly under the same tokens. */
const digests = new Map<string, string>()
const MAX_DIGESTS = 10_000

/** Short, and equal where the stamps are. The length keeps the two tokens apart: either may hold anything. */
function digestOf({ token, all }: TenantReport): string {
  const stamp = `${token?.length ?? 'absent'} ${token ?? ''} ${all ?? 'absent'}`
  const known = digests.get(stamp)
  if (known !== undefined) return known
  if (digests.size >= MAX_DIGESTS) digests.clear()
  const digest = createHash('sha256').update(stamp).digest('base64url').slice(0, 8)
  digests.set(stamp, digest)
  return digest
}

function difference(
  before: ReadonlyMap<string, Known> | undefined,
  after: ReadonlyMap<string, Known>,
): CellChanges[string] | undefined {
  const set: [string, Cell][] = []
  const gone: string[] = []
  for (const [id, { cell }] of after) {
    const old = before?.get(id)?.cell
    if (cell === undefined) {
      if (old !== undefined) gone.push(id)
    } else if (old === undefined || !isSameCell(old, cell)) {
      set.push([id, cell])
    }
  }
  for (const [id, { cell }] of before ?? []) if (cell !== undefined && !after.has(id)) gone.push(id)
  // `fromEntries`: a tenant may be called `__proto__`.
  return set.length > 0 || gone.length > 0 ? { set: Object.fromEntries(set), gone } : undefined
}

function isSameCell(one: Cell, other: Cell): boolean {
  return (
    one === other ||
    (one.state === other.state &&
      one.stamp === other.stamp &&
      one.at === other.at &&
      one.reason === other.reason)
  )
}

function isSameReplica(one: Replica, other: Replica): boolean {
  return one.startedAt === other.startedAt && one.tenants === other.tenants && one.failed === other.failed
}
