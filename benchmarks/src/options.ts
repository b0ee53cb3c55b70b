import { parseArgs } from 'node:util'
import type { Plan } from './run-cell.ts'
import { subjectNamed, subjects } from './subjects/index.ts'

export interface Options extends Plan {
  readonly connections: readonly number[]
  readonly tenants: readonly number[]
  /** How many tenants are held to see how many bytes each of them takes. 0: that is not measured. */
  readonly bytesTenants: number
  /** Where all samples are written to as well. */
  readonly json: string | undefined
}

type Preset = Omit<Options, 'json'>

/** What everything is a ratio to. */
const BASE = 'bare'

const FULL: Preset = {
  subjects: Object.keys(subjects).filter((name) => name !== 'push' && name !== 'directory'),
  connections: [1, 8, 64, 512],
  tenants: [1, 100, 10_000],
  rounds: 5,
  seconds: 1,
  rate: 0.4,
  bytesTenants: 10_000,
}

const QUICK: Preset = {
  ...FULL,
  connections: [1, 64],
  tenants: [100],
  rounds: 3,
  seconds: 0.3,
}

const PUSH: Preset = {
  ...FULL,
  subjects: [BASE, 'every-request', 'max-age', 'push'],
  connections: [1, 8, 64],
  tenants: [100],
  rounds: 9,
  bytesTenants: 0,
}

/** @throws when an option is unknown or makes no sense; the message says what was expected */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      push: { type: 'boolean', default: false },
      subjects: { type: 'string' },
      connections: { type: 'string' },
      tenants: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      rate: { type: 'string' },
      'bytes-tenants': { type: 'string' },
      json: { type: 'string' },
    },
  })
  const preset = values.push ? PUSH : values.quick ? QUICK : FULL
  return {
    subjects: values.subjects === undefined ? preset.subjects : withBase(values.subjects.split(',')),
    connections: list('connections', values.connections) ?? preset.connections,
    tenants: list('tenants', values.tenants) ?? preset.tenants,
    rounds: whole('rounds', values.rounds, 1) ?? preset.rounds,
    seconds: from('seconds', values.seconds, 0.05) ?? preset.seconds,
    rate: from('rate', values.rate, 0) ?? preset.rate,
    bytesTenants: whole('bytes-tenants', values['bytes-tenants'], 0) ?? preset.bytesTenants,
    json: values.json,
  }
}

function withBase(names: readonly string[]): string[] {
  for (const name of names) subjectNamed(name)
  return [...new Set([BASE, ...names])]
}

function list(name: string, value: string | undefined): number[] | undefined {
  return value?.split(',').map((each) => whole(name, each, 1) as number)
}

export function whole(name: string, value: string | undefined, least: number): number | undefined {
  const number = from(name, value, least)
  if (number === undefined || Number.isInteger(number)) return number
  throw new Error(`Expected --${name} to be a whole number, got "${value}"`)
}

export function from(name: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined
  const number = value === '' ? Number.NaN : Number(value)
  if (Number.isFinite(number) && number >= least) return number
  throw new Error(`Expected --${name} to be at least ${least}, got "${value}"`)
}
