/** What the command line ends with; `tenantry help` and the README tell. */
export const EXIT = {
  /** Done; of `status`: at least one replica has it, and none has to take it up any more. */
  done: 0,
  /** The manager said no, or cannot be reached; or the question was answered with no. */
  refused: 1,
  usage: 2,
  /** Committed, but not yet written to the store; of `status`: not all replicas have it, none has built it, or nobody can tell. */
  pending: 3,
  /** A replica could not build the tenant. */
  failed: 4,
  /** Ctrl-C: as shells count it. */
  interrupted: 130,
} as const

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT]
