import { redisWall, replicaSuite } from '@tenantry/adapter-suite'
import t from 'tap'
import { fastifyAdapter } from './support/adapter.ts'

replicaSuite(t, fastifyAdapter, redisWall)
