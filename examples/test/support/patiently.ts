import { eventually } from '@tenantry/testing'

/** As `eventually`, but a busy machine may take its time. */
export const patiently: typeof eventually = (condition) => eventually(condition, { timeoutMs: 30_000 })
