import { redisWall, replicaSuite } from '@tenantry/adapter-suite'
import t from 'tap'
import { express5 } from './support/adapter.ts'

replicaSuite(t, express5, redisWall)
