/** The tenants of a world. The last one is not there to begin with, and may come and go. */
export const IDS = ['a', 'b', 'c', 'd'] as const

/** The host names that tenants have. To begin with, each tenant has the one in its place. */
export const HOSTNAMES = ['h1.example', 'h2.example', 'h3.example', 'h4.example', 'h5.example'] as const

/** Tenants and host names that strangers ask for. They are never there. */
export const STRANGERS = ['x1', 'x2'] as const
export const STRANGE_HOSTNAMES = ['x1.example', 'x2.example'] as const
