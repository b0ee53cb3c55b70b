import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'

/** Two attempts to connect are no farther apart than this. */
const RECONNECT_MS = 100

/** How long a connection may take to come about, at least: looking up the name and TLS are part of it. */
const CONNECT_TIMEOUT_MS = 1000

/** How long the server has, after we have said goodbye, to answer what it was asked before. */
const DISCONNECT_TIMEOUT_MS = 100

/**
 * A connection on which an answer is due is given up after a silence of this many command time limits. Not after one:
 * a server that is merely busy is not helped by new connections. (An idle connection owes no answer.)
 */
const SILENT_COMMANDS = 3

/**
 * Opens a connection to where `model` points, one that nobody else uses and that never sends anything twice (R5).
 * `docs/decisions/0002-redis-connection.md` tells why the options are as they are.
 */
export function openRedis(model: Redis | Cluster, commandTimeoutMs: number): Redis | Cluster {
  if (isCluster(model)) return model.duplicate([], clusterOptions(commandTimeoutMs))
  return model.duplicate({
    ...serverOptions(commandTimeoutMs),
    // Only Sentinel's connector looks at the answer: it turns away from a server that is no master any more.
    // Elsewhere the check would but delay the first command.
    enableReadyCheck: Boolean(model.options.sentinels),
  })
}

function isCluster(redis: Redis | Cluster): redis is Cluster {
  return redis.isCluster
}

/** Of every connection, to a server or to a node of a Cluster. */
function connectionOptions(commandTimeoutMs: number) {
  return {
    // R5: nothing is sent twice. What is under way when the connection closes is rejected then and there.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Not a master any more: look for the one that is. (`true` connects anew; only `2` would also send again.)
    reconnectOnError: (error) => error.message.startsWith('READONLY'),

    // Silence ends by itself. Operations have their own time limit (own-connection.ts): one timer is enough.
    commandTimeout: undefined,
    socketTimeout: SILENT_COMMANDS * commandTimeoutMs,
    connectTimeout: Math.max(CONNECT_TIMEOUT_MS, commandTimeoutMs),
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,

    // The first command is the first thing that is sent, unless there is a password or a database to be told.
    protocol: 2,
    replyMapping: 'legacy',
    enableReadyCheck: false,
    disableClientInfo: true,
    connectionName: undefined,
    autoResubscribe: false,
    himportFieldsets: undefined,

    // Commands mean what they say, whatever the application has made of its own.
    keyPrefix: '',
    stringNumbers: false,
    enableAutoPipelining: false,
    monitor: false,
    scripts: undefined,
    noDelay: true,
  } satisfies RedisOptions
}

/** Of a single server, be it found by address or by Sentinel. */
function serverOptions(commandTimeoutMs: number) {
  return {
    ...connectionOptions(commandTimeoutMs),
    lazyConnect: false,
    enableOfflineQueue: false,
    retryStrategy: reconnectDelayMs,
    maxLoadingRetryTime: RECONNECT_MS,
    role: 'master',
    readOnly: false,
    sentinelRetryStrategy: reconnectDelayMs,
    // An old master goes on answering for some ten seconds after a failover. Sentinel tells at once.
    failoverDetector: true,
    sentinelCommandTimeout: commandTimeoutMs,
  } satisfies RedisOptions
}

function clusterOptions(commandTimeoutMs: number) {
  return {
    lazyConnect: false,
    scaleReads: 'master',
    // R5: by default a Cluster client sends again what was under way when a connection closed.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // While a slot moves, nobody can answer for keys of which some have moved: they are read one by one then, and soon.
    retryDelayOnTryAgain: 0,
    // Redirections are no repetitions: the node that redirects has not carried the command out.
    maxRedirections: 5,
    // Nodes are connected to on first use, so that a store keeps one connection, to the master of its slot. The queue
    // holds what comes meanwhile; what comes while there is no Cluster at all does not get here.
    redisOptions: { ...connectionOptions(commandTimeoutMs), lazyConnect: true },
    enableOfflineQueue: true,
    enableReadyCheck: false,
    clusterRetryStrategy: reconnectDelayMs,
    // A node that was lost is asked for anew, so that the others can tell who has its slots now.
    clusterNodeRetryStrategy: null,
    slotsRefreshTimeout: commandTimeoutMs,
    shardedSubscribers: false,
    keyPrefix: '',
    enableAutoPipelining: false,
    scripts: undefined,
    himportFieldsets: undefined,
  } satisfies ClusterOptions
}

function reconnectDelayMs(attempt: number): number {
  return Math.min(attempt * 10, RECONNECT_MS)
}
