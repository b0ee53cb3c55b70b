import { ALL, type Token, tenantKey } from '../../src/token.ts'
import { HeldTokenStore } from './held-token-store.ts'

export interface Config {
  readonly id: string
  /** How often the configuration has been changed. */
  readonly version: number
}

/** The manager's side: the authority with its tenants, and the wall. */
export class Manager {
  /** What the authority knows. */
  readonly versions = new Map([
    ['acme', 1],
    ['ball', 1],
    ['cape', 1],
    ['dune', 1],
  ])
  readonly store: HeldTokenStore = new HeldTokenStore({ all: 'all 0', 'all-hosts': 'hosts 0' })
  #written = 0

  constructor() {
    for (const id of this.versions.keys()) this.store.tokens.set(tenantKey(id), `${id} 0`)
  }

  read(id: string): Config | undefined {
    const version = this.versions.get(id)
    return version === undefined ? undefined : { id, version }
  }

  /** Commits a change of the configuration, and tells nobody. */
  change(id: string): void {
    this.versions.set(id, (this.versions.get(id) ?? 0) + 1)
  }

  /** Commits a change, then writes a new token (R2). */
  restart(id: string): Token {
    this.change(id)
    return this.#write(tenantKey(id), id)
  }

  restartAll(): Token {
    for (const id of this.versions.keys()) this.change(id)
    return this.#write(ALL, 'all')
  }

  #write(key: string, name: string): Token {
    this.#written += 1
    const token = `${name} ${this.#written}`
    this.store.tokens.set(key, token)
    return token
  }
}
