import type { LoadTenant } from './load-tenants.ts'

/** One request, and what came of it. Times are those of {@link monotonicMs}. */
export interface Exchange {
  readonly tenant: LoadTenant
  /** When it was decided where to send it: it may have waited for a connection after that. */
  readonly dispatchedAt: number
  /** When it was written to its connection; without one, when it was dispatched. */
  readonly sentAt: number
  /** When its answer had come whole, or when it was known that it would not. */
  readonly endedAt: number
  /** What its answer must show, at least: all of that had resolved before it was sent. */
  readonly required: { readonly id: number; readonly sequence: number }
  /** The replica that it was sent to; undefined: a balancer chose. */
  readonly sentTo: string | undefined
  /** Undefined: there was no answer. */
  readonly status: number | undefined
  /** `x-tenantry-token` */
  readonly token: string | undefined
  /** `x-tenantry-replica` */
  readonly replica: string | undefined
  /** `x-load-test-server`: the replica that a balancer gave it to. */
  readonly server: string | undefined
  /** As much as has come. */
  readonly body: string
  /** Why the answer is not whole. */
  readonly error: Error | undefined
}

/** The replica that it was given to, as far as that can be told. */
export function replicaOf({ sentTo, server, replica }: Exchange): string | undefined {
  return sentTo ?? server ?? replica
}
