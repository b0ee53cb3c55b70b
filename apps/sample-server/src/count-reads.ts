import { Counter, type Registry } from 'prom-client'
import type { TenantSource } from './tenant-source.ts'

/** Counts what a replica asks of the authority. */
export function countReads(tenants: TenantSource, registry: Registry): TenantSource {
  const reads = new Counter({
    name: 'sample_authority_reads_total',
    help: 'Questions to the authority: for a configuration (load), or for whose host a name is (lookup).',
    labelNames: ['kind'],
    registers: [registry],
  })
  // From the start, so that the first of each is a change from 0.
  for (const kind of ['load', 'lookup']) reads.inc({ kind }, 0)
  return {
    load(id, options) {
      reads.inc({ kind: 'load' })
      return tenants.load(id, options)
    },
    lookup(hostname, options) {
      reads.inc({ kind: 'lookup' })
      return tenants.lookup(hostname, options)
    },
  }
}
