import { parseArgs } from 'node:util'
import { from, whole } from './options.ts'

export interface FloodOptions {
  /** How many tenants there are. */
  readonly tenants: number
  /** Through how many connections they are asked for. */
  readonly connections: number
  /** How many requests for them there are per second, with the flood and without it. */
  readonly rate: number
  /** How many requests for strangers there are per second. */
  readonly flood: number
  /** How often each subject is measured with the flood and without it. */
  readonly rounds: number
  /** How long each of the two takes, in seconds. */
  readonly seconds: number
  /** Where all samples are written to as well. */
  readonly json: string | undefined
}

const FULL = { tenants: 100, connections: 64, rate: 1000, flood: 2000, rounds: 9, seconds: 5 }

const QUICK = { tenants: 10, connections: 8, rate: 200, flood: 400, rounds: 2, seconds: 0.5 }

/** @throws when an option is unknown or makes no sense; the message says what was expected */
export function readFloodOptions(args: readonly string[]): FloodOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      tenants: { type: 'string' },
      connections: { type: 'string' },
      rate: { type: 'string' },
      flood: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const preset = values.quick ? QUICK : FULL
  return {
    tenants: whole('tenants', values.tenants, 1) ?? preset.tenants,
    // With a single one, requests would wait for each other and not for the flood.
    connections: whole('connections', values.connections, 2) ?? preset.connections,
    rate: from('rate', values.rate, 1) ?? preset.rate,
    flood: from('flood', values.flood, 1) ?? preset.flood,
    rounds: whole('rounds', values.rounds, 1) ?? preset.rounds,
    seconds: from('seconds', values.seconds, 0.05) ?? preset.seconds,
    json: values.json,
  }
}
