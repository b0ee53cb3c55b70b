import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { BoardTenant } from '../../src/api.ts'
import type { BoardState } from './board-state.ts'

/** Columns before those of the replicas: the checkbox, the tenant, its convergence. */
export const FIRST_REPLICA_COLUMN = 3

export interface Position {
  readonly id: string
  readonly column: number
}

/** What an operator looks for, and how to say it of a replica. */
export const TROUBLES = { behind: 'is behind', failed: 'has failed' } as const
export type Trouble = keyof typeof TROUBLES

export type OpenDialog =
  | { readonly kind: 'tenant'; readonly id: string }
  /** Without ids: all tenants. */
  | { readonly kind: 'restart'; readonly ids?: readonly string[] }
  | { readonly kind: 'new-tenant' | 'keys' | 'operator' }

/** What the operator looks at: found, selected, focused, opened. */
export class ViewState {
  readonly search: Signal<string> = signal('')
  /** Only tenants that some replica has in this state are shown; undefined: all. */
  readonly only: Signal<Trouble | undefined> = signal(undefined)
  readonly dialog: Signal<OpenDialog | undefined> = signal(undefined)
  /** The cell that the keyboard is on. */
  readonly active: Signal<Position | undefined> = signal(undefined)
  /** The cell that the pointer is on. */
  readonly pointed: Signal<Position | undefined> = signal(undefined)
  readonly shown: ReadonlySignal<readonly BoardTenant[]>
  /** Those selected that still exist, in the order of the grid. */
  readonly selected: ReadonlySignal<readonly string[]>
  readonly #selection: Signal<ReadonlySet<string>> = signal(new Set())
  /** Where a range begins. */
  #anchor: string | undefined

  constructor(board: BoardState) {
    this.shown = computed(() => {
      const found = find(board.tenants.value, this.search.value)
      if (this.only.value === undefined) return found
      const ids = board.tenantsIn(this.only.value)
      return found.filter(({ id }) => ids.has(id))
    })
    this.selected = computed(() => {
      const selection = this.#selection.value
      if (selection.size === 0) return []
      return board.tenants.value.filter(({ id }) => selection.has(id)).map(({ id }) => id)
    })
  }

  showAll(): void {
    this.search.value = ''
    this.only.value = undefined
  }

  isSelected(id: string): boolean {
    return this.#selection.value.has(id)
  }

  toggle(id: string): void {
    const selection = new Set(this.#selection.value)
    if (!selection.delete(id)) selection.add(id)
    this.#selection.value = selection
    this.#anchor = id
  }

  /** Selects all from the one that was toggled last to this one. */
  selectTo(id: string): void {
    const ids = this.shown.value.map((tenant) => tenant.id)
    const from = ids.indexOf(this.#anchor ?? id)
    const to = ids.indexOf(id)
    if (from < 0 || to < 0) {
      this.toggle(id)
      return
    }
    const range = ids.slice(Math.min(from, to), Math.max(from, to) + 1)
    this.#selection.value = new Set([...this.#selection.value, ...range])
  }

  selectShown(on: boolean): void {
    const selection = new Set(this.#selection.value)
    for (const { id } of this.shown.value) {
      if (on) selection.add(id)
      else selection.delete(id)
    }
    this.#selection.value = selection
  }

  /** How many of these are not shown, by what is searched for. */
  hidden(ids: readonly string[]): number {
    const shown = new Set(this.shown.value.map(({ id }) => id))
    return ids.filter((id) => !shown.has(id)).length
  }

  clearSelection(): void {
    this.#selection.value = new Set()
  }
}

function find(tenants: readonly BoardTenant[], search: string): readonly BoardTenant[] {
  const wanted = search.trim().toLowerCase()
  if (wanted === '') return tenants
  return tenants.filter(({ id, name, hostnames }) =>
    [id, name, ...hostnames].some((text) => text.toLowerCase().includes(wanted)),
  )
}
