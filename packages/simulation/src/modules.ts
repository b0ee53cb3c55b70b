import * as authority from '@tenantry/authority'
import * as core from '@tenantry/core'

export type Core = typeof core
export type Authority = typeof authority

/** The code that a world runs: the real one, or a copy with one rule broken. */
export interface Modules {
  readonly core: Core
  readonly authority: Authority
}

export const realModules: Modules = { core, authority }
