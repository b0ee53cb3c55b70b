import type { TokenKey, TokenStore } from '@tenantry/core'

/** A kind of server that tokens are kept in. */
export interface Wall {
  /** What it is called in the names of tests: `Redis`. */
  readonly name: string
  start(): Promise<StartedWall>
}

/** A real server, empty at first, which the test sees without the client that it tests. */
export interface StartedWall {
  /** Where replicas find it: `redis://…`, `memcached://…`. */
  readonly url: string
  /** Opens a client; whoever calls this closes it. */
  open(): TokenStore
  /** Sets a token by hand. */
  set(key: TokenKey, token: string): Promise<void>
  /** What is there by hand; the empty string where nothing is. */
  get(key: TokenKey): Promise<string>
  /** The token keys of all that is there, in order; what is no token key stands there as it is. */
  keys(): Promise<string[]>
  /** Forgets everything. */
  flush(): Promise<void>
  /** Stops the process where it stands: connections stay open, nothing is answered. */
  pause(): void
  resume(): void
  /** Ends it without a goodbye. */
  kill(): Promise<void>
  /** Starts it again where it was: empty. */
  restart(): Promise<void>
  /** Ends it for good, paused or not. */
  stop(): Promise<void>
  /** How many commands clients have sent so far; left out where what they cost is not limited by a test. */
  commands?(): Promise<number>
}

/** What stores put before their keys unless told otherwise. */
export const PREFIX = 'tenantry:'

/** The token key that is kept at `key`. */
export function tokenKeyAt(key: string): string {
  return key.startsWith(PREFIX) ? key.slice(PREFIX.length) : key
}
