import { memcachedWall, promiseSuite, redisWall } from '@tenantry/adapter-suite'
import t from 'tap'
import { fastifyAdapter } from './support/adapter.ts'

for (const wall of [redisWall, memcachedWall]) promiseSuite(t, fastifyAdapter, wall)
