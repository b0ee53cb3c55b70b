import { connectionSuite, hostSuite, leaseSuite } from '@tenantry/adapter-suite'
import t from 'tap'
import { express4, express5 } from './support/adapter.ts'

for (const adapter of [express5, express4]) {
  leaseSuite(t, adapter)
  connectionSuite(t, adapter)
  hostSuite(t, adapter)
}
