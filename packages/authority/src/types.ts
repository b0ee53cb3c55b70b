import type { TokenKey } from '@tenantry/core'

/** A configuration: a JSON object. What is in it is the application's. */
export type Config = Readonly<Record<string, unknown>>

export interface TenantSummary {
  readonly id: string
  readonly name: string
  /** In canonical form, sorted. */
  readonly hostnames: readonly string[]
  /** Grows by one with every change. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface Tenant extends TenantSummary {
  readonly config: Config
}

export interface NewTenant {
  readonly id: string
  readonly name: string
  /** In any form. There may be none: a tenant without host names has no site yet. */
  readonly hostnames: readonly string[]
  readonly config: Config
}

/** What is not named stays as it is. */
export interface TenantChange {
  readonly name?: string
  readonly config?: Config
  /** All of them: those that are not listed are given up. */
  readonly hostnames?: readonly string[]
}

/** Who asks for something, and why. */
export interface Asked {
  readonly by: string
  /** An empty one is none. */
  readonly reason?: string | undefined
}

/** A restart that is committed, and is to be written to the token store. */
export interface CommittedRestart {
  /** Its number, as digits; restarts of one token key are numbered in the order of their commits. */
  readonly id: string
  readonly key: TokenKey
}

/** What a change has done: its result, and the restarts that were committed with it, in the order to write them in. */
export interface Committed<Result> {
  readonly result: Result
  readonly restarts: readonly CommittedRestart[]
}

/** What a restart was committed with; `'restart'`: with nothing else. */
export type Cause = 'create' | 'change' | 'hostnames' | 'delete' | 'restart'

/** A line of the history. */
export interface Restart {
  readonly id: string
  readonly key: TokenKey
  /** Null: all tenants, or the set of hosts; the key says which. */
  readonly tenant: string | null
  readonly cause: Cause
  readonly by: string
  readonly reason: string | null
  readonly requestedAt: Date
  /** When it, or a later one of its key, was written to the token store; null: not yet. */
  readonly writtenAt: Date | null
}
