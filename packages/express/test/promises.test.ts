import { memcachedWall, promiseSuite, redisWall } from '@tenantry/adapter-suite'
import t from 'tap'
import { express5 } from './support/adapter.ts'

for (const wall of [redisWall, memcachedWall]) promiseSuite(t, express5, wall)
