import { parseArgs } from 'node:util'
import { redisUrl, show } from '@tenantry/app-support'
import type { DisturbanceKind, Settings } from './results.ts'

export interface Options {
  readonly settings: Settings
  /** What is done to the scene, in this order, spread over the run. */
  readonly disturb: readonly DisturbanceKind[]
  readonly scene: LocalChoice | GivenUrls
  /** The directory that the JSON file and the page are written to. */
  readonly out: string
  /** The results as JSON in the place of the table. */
  readonly json: boolean
}

/** To be started here. */
interface LocalChoice {
  readonly replicas: number
  readonly direct: boolean
}

/** What stands already. */
export interface GivenUrls {
  /** What requests go to: a balancer. */
  readonly frontUrl: URL
  readonly managerUrl: URL
  /** Of the replicas. Where the name has several addresses, each is one replica's. Undefined: they are not asked. */
  readonly adminUrl: URL | undefined
  /** Undefined: it is not asked. */
  readonly redisUrl: string | undefined
}

/** It was called in a way that it does not know. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const HELP = `Puts replicas under load while tenants restart, and checks every response.

Usage: pnpm loadtest [options]

How long (by default 60 seconds):
  --seconds n        so many seconds
  --requests n       so many requests

With what:
  --connections n    requests under way at a time (64)
  --tenants n        tenants that are asked for and restarted (100)
  --restart-every n  milliseconds between two restarts (100)
  --max-age n        how old a check of a replica may be, in milliseconds (0: every request is checked)

Of what:
  --replicas n       replicas to start on this machine, with Redis, Postgres and a tenant manager (4)
  --direct           asks them by turns, without HAProxy; it is used where it is on the PATH
  --disturb list     what is done meanwhile, at equal distances: add, remove, kill (a replica), outage (of Redis),
                     with commas between them, or all

Or of what stands already:
  --front url        where requests go: http://127.0.0.1:8080
  --manager url      the tenant manager; its key is MANAGER_API_KEY
  --admin url        the replicas' metrics; a name of several addresses stands for all of them (they are not read)
  --redis url        for its counters (they are not read)

What becomes of it:
  --out directory    for the JSON file and the page (load-test-results)
  --json             prints the JSON in the place of the table
  --help             prints this

Exit status: 0 nothing stale, torn or wrong was served, 1 something was, 2 it could not be measured: called in a way
that it does not know, something is not there, a disturbance failed, or nothing was answered or restarted.`

/** What belongs to replicas that are started here. */
const LOCAL_ONLY = ['replicas', 'direct', 'disturb'] as const

/** HAProxy's configuration has a slot for each. */
const MAX_REPLICAS = 64

/** Their ids have four digits. */
const MAX_TENANTS = 9999

/** What the sample server takes. */
const MAX_AGE_MS = 300_000

const DISTURBANCES: readonly DisturbanceKind[] = ['add', 'remove', 'kill', 'outage']

const DEFAULT_SECONDS = 60

/**
 * @returns undefined when help is asked for
 * @throws UsageError
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const values = parseValues(args)
  if (values.help === true) return undefined
  const { seconds, requests, front } = values
  if (seconds !== undefined && requests !== undefined) {
    throw new UsageError('--seconds, --requests: expected one of them, got both')
  }
  const length =
    requests === undefined
      ? { seconds: seconds === undefined ? DEFAULT_SECONDS : number('seconds', seconds, { most: 1e6 }) }
      : { requests: number('requests', requests, { most: 1e10 }) }
  const disturb = parseDisturb(values.disturb)
  const scene = front === undefined ? parseLocal(values) : parseGiven(front, values)
  if ('replicas' in scene) mustBeEnough(scene.replicas, disturb)
  return {
    settings: {
      ...length,
      connections: number('connections', values.connections, { most: 10_000 }),
      tenants: number('tenants', values.tenants, { most: MAX_TENANTS }),
      restartEveryMs: number('restart-every', values['restart-every'], { most: 3_600_000 }),
      maxAgeMs: number('max-age', values['max-age'], { least: 0, most: MAX_AGE_MS }),
    },
    disturb,
    scene,
    out: values.out,
    json: values.json === true,
  }
}

type Values = ReturnType<typeof parseValues>

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string' },
        requests: { type: 'string' },
        connections: { type: 'string', default: '64' },
        tenants: { type: 'string', default: '100' },
        'restart-every': { type: 'string', default: '100' },
        'max-age': { type: 'string', default: '0' },
        replicas: { type: 'string' },
        direct: { type: 'boolean' },
        disturb: { type: 'string' },
        front: { type: 'string' },
        manager: { type: 'string' },
        admin: { type: 'string' },
        redis: { type: 'string' },
        out: { type: 'string', default: 'load-test-results' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

function number(name: string, text: string, { least = 1, most }: { least?: number; most: number }): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  const range = `${least} to ${most.toLocaleString('en')}`
  throw new UsageError(`--${name}: expected a whole number, ${range}, got ${show(text)}`)
}

function parseDisturb(text = ''): readonly DisturbanceKind[] {
  if (text === '') return []
  if (text === 'all') return DISTURBANCES
  return text.split(',').map((name) => {
    const kind = DISTURBANCES.find((each) => each === name)
    if (kind !== undefined) return kind
    throw new UsageError(`--disturb: expected all, or some of ${DISTURBANCES.join(',')}, got ${show(text)}`)
  })
}

function parseLocal({ replicas = '4', direct, ...values }: Values): LocalChoice {
  for (const name of ['manager', 'admin', 'redis'] as const) {
    if (values[name] === undefined) continue
    throw new UsageError(`--${name}: expected --front, too: it is for what stands already`)
  }
  return { replicas: number('replicas', replicas, { most: MAX_REPLICAS }), direct: direct === true }
}

/** One after the other: it must not turn out in the middle of a run that there is none to be taken away. */
function mustBeEnough(replicas: number, disturb: readonly DisturbanceKind[]): void {
  let serving = replicas
  let started = replicas
  for (const kind of disturb) {
    if (kind === 'add') {
      serving += 1
      started += 1
    } else if (kind !== 'outage') {
      serving -= 1
    }
    if (serving < 1) {
      throw new UsageError(
        `--disturb: expected more --replicas than ${replicas}: ${kind} would take the last one`,
      )
    }
    if (started > MAX_REPLICAS) {
      throw new UsageError(`--disturb: expected ${MAX_REPLICAS} replicas or fewer in all, got ${started}`)
    }
  }
}

function parseGiven(front: string, values: Values): GivenUrls {
  const { manager, admin, redis } = values
  const wrong = LOCAL_ONLY.find((name) => values[name] !== undefined)
  if (wrong !== undefined) {
    throw new UsageError(
      `--${wrong}: it is for replicas that are started here, and --front is for those that stand`,
    )
  }
  if (manager === undefined) throw new UsageError('--front: expected --manager, too: it restarts the tenants')
  if (redis !== undefined && redisUrl.parse(redis) === undefined) {
    throw new UsageError(`--redis: expected ${redisUrl.expected}`)
  }
  return {
    frontUrl: url('front', front),
    managerUrl: url('manager', manager),
    adminUrl: admin === undefined ? undefined : url('admin', admin),
    redisUrl: redis,
  }
}

/** Nothing of a URL but where it leads is used: whatever else it holds was meant to be. */
function url(name: string, text: string): URL {
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol) && parsed.href === `${parsed.origin}/`)
    return parsed
  throw new UsageError(`--${name}: expected a URL such as http://127.0.0.1:8080`)
}
