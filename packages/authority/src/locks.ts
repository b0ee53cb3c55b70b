/** Advisory locks, each an argument list. The first number is this package's own: other programs may lock, too. */
const PACKAGE = 0x7e4a

/** Held while the schema is brought up to date. */
export const MIGRATIONS_LOCK: string = `${PACKAGE}, 1`

/** Held by every change of host names, before anything else is locked: only one runs at a time. */
export const HOSTS_LOCK: string = `${PACKAGE}, 2`

/** Held by the reconciler that acts. */
export const RECONCILER_LOCK: string = `${PACKAGE}, 3`
