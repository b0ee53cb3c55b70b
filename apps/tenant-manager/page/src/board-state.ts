import { batch, type Signal, signal } from '@preact/signals'
import type { BoardChange, BoardTenant, Cell, Demo, Replica, Restart } from '../../src/api.ts'
import type { Colour } from './colour.ts'
import { RowColours } from './row-colours.ts'
import type { Sites } from './site-url.ts'

/** A cell, and when it last changed its look, by `performance.now()`; 0: it has been like this from the beginning. */
export interface PlacedCell {
  readonly cell: Cell
  readonly colour: Colour
  readonly changedAt: number
}

type Reachability = 'reachable' | 'unreachable'

/** How many restarts the feed keeps. */
const MAX_RESTARTS = 100

/** Where names end in numbers, they come by number. */
const inOrder = new Intl.Collator('en', { numeric: true }).compare

/**
 * What the live stream has told so far.
 *
 * A row has a signal of its own, made when the row is first read: so a change reaches the rows that it is about, and
 * costs next to nothing for all those that are not on the screen.
 */
export class BoardState {
  /** Whether the first event has come. */
  readonly loaded: Signal<boolean> = signal(false)
  readonly total: Signal<number> = signal(0)
  /** In order. A new list only when tenants come or go, or are called otherwise. */
  readonly tenants: Signal<readonly BoardTenant[]> = signal([])
  readonly replicas: Signal<readonly Replica[]> = signal([])
  /** The newest first. */
  readonly restarts: Signal<readonly Restart[]> = signal([])
  readonly authority: Signal<Reachability> = signal('reachable')
  readonly store: Signal<Reachability> = signal('reachable')
  readonly demo: Signal<Demo | undefined> = signal(undefined)
  readonly #siteUrl: Signal<string | undefined> = signal(undefined)
  /** How many cells there are of these kinds. */
  readonly behind: Signal<number> = signal(0)
  readonly failed: Signal<number> = signal(0)
  /** How many cells there could be, and are not. */
  readonly notLoaded: Signal<number> = signal(0)
  /**
   * How many tenants each replica has failed with, under the tokens of now. What a replica counts itself has those
   * that were put right since, until it is asked for them again.
   */
  readonly failures: Signal<ReadonlyMap<string, number>> = signal(new Map())
  /** Another one after every event. */
  readonly #events: Signal<number> = signal(0)

  readonly #tenants = new Map<string, BoardTenant>()
  /** By replica, then by tenant. */
  readonly #cells = new Map<string, Map<string, PlacedCell>>()
  readonly #rows = new Map<string, Signal<number>>()
  readonly #states = { current: 0, behind: 0, failed: 0 }
  readonly #failures = new Map<string, number>()
  readonly #colours = new RowColours()

  /** Takes an event in. `at` is now, by `performance.now()`. */
  apply(change: BoardChange, at: number): void {
    batch(() => {
      const touched = new Set<string>()
      if (change.reset) this.#clear()
      if (change.tenants) this.#applyTenants(change.tenants, touched)
      if (change.replicas) this.#applyReplicas(change.replicas, touched)
      for (const [replica, cells] of Object.entries(change.cells ?? {}))
        this.#applyCells(replica, cells, { at: change.reset ? 0 : at, touched })
      if (change.restarts) this.restarts.value = merge(this.restarts.value, change.restarts)
      if (change.total !== undefined) this.total.value = change.total
      if (change.authority) this.authority.value = change.authority
      if (change.store) this.store.value = change.store
      if (change.demo) this.demo.value = change.demo
      if (change.siteUrl !== undefined) this.#siteUrl.value = change.siteUrl
      this.behind.value = this.#states.behind
      this.failed.value = this.#states.failed
      this.notLoaded.value = this.#countNotLoaded()
      if (!sameCounts(this.failures.value, this.#failures)) this.failures.value = new Map(this.#failures)
      this.loaded.value = true
      this.#events.value++
      for (const id of change.reset ? this.#rows.keys() : touched) this.#bump(id)
    })
  }

  /** What is known of where sites are. */
  get sites(): Sites {
    return { demo: this.demo.value, siteUrl: this.#siteUrl.value }
  }

  /** The tenant; whoever reads it renders anew when its row changes. */
  tenant(id: string): BoardTenant | undefined {
    this.#watch(id)
    return this.#tenants.get(id)
  }

  /** What a replica says of a tenant; whoever reads it renders anew when the tenant's row changes. */
  cell(id: string, replica: string): PlacedCell | undefined {
    this.#watch(id)
    return this.#cells.get(replica)?.get(id)
  }

  /** The tenants that some replica has in this state; whoever reads it does so anew with every event. */
  tenantsIn(state: Cell['state']): ReadonlySet<string> {
    this.#events.value
    const ids = new Set<string>()
    for (const cells of this.#cells.values())
      for (const [id, { cell }] of cells) if (cell.state === state) ids.add(id)
    return ids
  }

  #clear(): void {
    this.#tenants.clear()
    this.#cells.clear()
    Object.assign(this.#states, { current: 0, behind: 0, failed: 0 })
    this.#failures.clear()
    this.tenants.value = []
    this.replicas.value = []
    this.restarts.value = []
    this.demo.value = undefined
    this.#siteUrl.value = undefined
    this.total.value = 0
  }

  #applyTenants(
    { set, gone }: { set: readonly BoardTenant[]; gone: readonly string[] },
    touched: Set<string>,
  ): void {
    let listed = false
    for (const id of gone) {
      listed = this.#tenants.delete(id) || listed
      this.#colours.forget(id)
      touched.add(id)
    }
    for (const tenant of set) {
      const before = this.#tenants.get(tenant.id)
      if (before?.name !== tenant.name || !sameList(before.hostnames, tenant.hostnames)) listed = true
      this.#tenants.set(tenant.id, tenant)
      touched.add(tenant.id)
    }
    if (listed) this.tenants.value = [...this.#tenants.values()].sort((a, b) => inOrder(a.id, b.id))
  }

  #applyReplicas(
    { set, gone }: { set: readonly Replica[]; gone: readonly string[] },
    touched: Set<string>,
  ): void {
    const replicas = new Map(this.replicas.value.map((replica) => [replica.replica, replica]))
    for (const name of gone) {
      replicas.delete(name)
      for (const [id, { cell }] of this.#cells.get(name) ?? []) {
        this.#count(name, cell, -1)
        touched.add(id)
      }
      this.#cells.delete(name)
    }
    for (const replica of set) replicas.set(replica.replica, replica)
    this.replicas.value = [...replicas.values()].sort((a, b) => inOrder(a.replica, b.replica))
  }

  #applyCells(
    replica: string,
    { set, gone }: { set: Readonly<Record<string, Cell>>; gone: readonly string[] },
    { at, touched }: { at: number; touched: Set<string> },
  ): void {
    const cells = this.#cells.get(replica) ?? new Map<string, PlacedCell>()
    this.#cells.set(replica, cells)
    for (const id of gone) {
      const before = cells.get(id)
      if (before === undefined) continue
      this.#count(replica, before.cell, -1)
      cells.delete(id)
      touched.add(id)
    }
    for (const [id, cell] of Object.entries(set)) {
      const before = cells.get(id)
      if (before) this.#count(replica, before.cell, -1)
      this.#count(replica, cell, 1)
      const same = before?.cell.stamp === cell.stamp && before.cell.state === cell.state
      const colour = same ? before.colour : this.#colours.of(id, cell.stamp)
      cells.set(id, { cell, colour, changedAt: same ? before.changedAt : at })
      touched.add(id)
    }
  }

  #count(replica: string, { state }: Cell, by: 1 | -1): void {
    this.#states[state] += by
    if (state !== 'failed') return
    const count = (this.#failures.get(replica) ?? 0) + by
    if (count > 0) this.#failures.set(replica, count)
    else this.#failures.delete(replica)
  }

  #countNotLoaded(): number {
    const { current, behind, failed } = this.#states
    return Math.max(0, this.#tenants.size * this.replicas.value.length - current - behind - failed)
  }

  #watch(id: string): void {
    const row = this.#rows.get(id) ?? signal(0)
    this.#rows.set(id, row)
    // Reading it is what makes the reader depend on it.
    row.value
  }

  #bump(id: string): void {
    const row = this.#rows.get(id)
    if (row) row.value++
  }
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}

function sameCounts(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([name, count]) => b.get(name) === count)
}

/** Adds restarts, or puts what is known of them now in the place of what was. */
function merge(known: readonly Restart[], news: readonly Restart[]): readonly Restart[] {
  const restarts = new Map([...known, ...news].map((restart) => [restart.id, restart]))
  return [...restarts.values()].sort((a, b) => inOrder(b.id, a.id)).slice(0, MAX_RESTARTS)
}
