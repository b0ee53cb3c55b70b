import type { Token } from '@tenantry/core'
import type { TenantState } from './records.ts'

/** A configuration, as a replica loads it. */
export interface Config {
  readonly state: TenantState
  /** When the authority read it. */
  readonly readMoment: number
  /** Whether it is not what `create` expects. */
  readonly isGarbage: boolean
}

/** What `create` makes: one generation of one tenant on one replica. */
export interface Site {
  readonly name: string
  readonly id: string
  readonly state: TenantState
  readonly readMoment: number
  readonly createdMoment: number
  disposals: number
  /** How many requests hold it. */
  leases: number
  /** The earliest time at which it may have left the pool, in milliseconds. Undefined: nobody who holds it has heard so. */
  leftAt?: number
  /** By when it had left, likewise. */
  leftBy?: number
  /** What it was stamped with, as far as it has been seen. */
  token?: Token
  all?: Token
}
