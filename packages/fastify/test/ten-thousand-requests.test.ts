import { floodSuite } from '@tenantry/adapter-suite'
import t from 'tap'
import { fastifyAdapter } from './support/adapter.ts'

t.setTimeout(180_000)

floodSuite(t, fastifyAdapter)
