import { invalidOption } from './invalid-option.ts'
import { openRedis } from './open-redis.ts'
import { OwnConnection } from './own-connection.ts'
import { modelOf, type RedisSource } from './redis-source.ts'

/** What both stores can be told. */
export interface OwnRedisOptions {
  readonly prefix?: string | undefined
  readonly commandTimeoutMs?: number | undefined
}

/** More would only be a mistake of units. */
const MAX_COMMAND_TIMEOUT_MS = 60_000

/**
 * Opens a connection of a store's own to where `source` points.
 *
 * @param name the store's prefix, unless `prefix` is another; in a Cluster as a hash tag
 * @throws TENANTRY_ERR_OPTIONS_INVALID
 */
export function ownRedis(
  source: RedisSource,
  { prefix, commandTimeoutMs = 1000 }: OwnRedisOptions,
  name: string,
): { connection: OwnConnection; prefix: string } {
  const isPlausible = commandTimeoutMs >= 1 && commandTimeoutMs <= MAX_COMMAND_TIMEOUT_MS
  if (!(Number.isFinite(commandTimeoutMs) && isPlausible)) {
    throw invalidOption(
      `Expected commandTimeoutMs to be a number from 1 to ${MAX_COMMAND_TIMEOUT_MS}, got ${commandTimeoutMs}`,
    )
  }
  const model = modelOf(source)
  const { isCluster } = model
  const own = prefix ?? (isCluster ? `{${name}}:` : `${name}:`)
  checkPrefix(own, isCluster, name)
  return { connection: new OwnConnection(openRedis(model, commandTimeoutMs), commandTimeoutMs), prefix: own }
}

function checkPrefix(prefix: unknown, isCluster: boolean, name: string): void {
  if (typeof prefix !== 'string') throw invalidOption(`Expected prefix to be a string, got ${prefix}`)
  // As Redis sees it: what is between the first brace and the next closing one, if there is anything.
  if (isCluster && !/^[^{]*\{[^}]+\}/.test(prefix)) {
    throw invalidOption(
      `Expected prefix to hold a hash tag, such as "{${name}}:", in a Cluster, got "${prefix}"`,
    )
  }
}
