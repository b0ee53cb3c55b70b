import type { Change } from './change.ts'
import type { Connection } from './connection.ts'
import type { Process } from './process.ts'

/** The manager's side of a world: a process that commits changes, and tells the store. */
export interface Manager extends Process {
  readonly connection: Connection
  /** Begins a change, and tells the store of it; whatever comes of that. */
  change(change: Change): void
  /** Whether something that it has begun is still under way. */
  readonly isBusy: boolean
}
