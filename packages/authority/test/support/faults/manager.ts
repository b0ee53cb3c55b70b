import { TenantryError, type Token, type TokenKey } from '@tenantry/core'
import {
  type Asked,
  Authority,
  type Committed,
  type CommittedRestart,
  type Database,
  Reconciler,
  RestartWriter,
} from '../../../src/index.ts'
import { FaultyConnection, type FaultyStore } from './faulty-store.ts'
import type { Schedule } from './schedule.ts'

export const IDS = ['a', 'b', 'c'] as const
export const HOSTNAMES = ['h1.example', 'h2.example', 'h3.example', 'h4.example'] as const

/** A change that was committed, as far as its manager knows. */
export interface Done {
  readonly op: number
  readonly began: number
  readonly committed: number
  readonly restarts: readonly CommittedRestart[]
  /** What the writer has attempted. */
  tokens?: ReadonlyMap<TokenKey, Token>
  /** When the writer was told to write, and when it said that all is written. */
  written?: { readonly began: number; readonly ended: number }
}

/** What each manager has done, and when. */
export interface Deeds {
  /** When each operation began. */
  readonly began: number[]
  readonly done: Done[]
  /** What should not have happened at all. */
  readonly wrong: unknown[]
}

/** What a change may be refused with. */
const REFUSALS = new Set<string>([
  'TENANTRY_ERR_AUTHORITY_UNREACHABLE',
  'TENANTRY_ERR_TENANT_INVALID',
  'TENANTRY_ERR_TENANT_NOT_FOUND',
  'TENANTRY_ERR_TENANT_EXISTS',
  'TENANTRY_ERR_VERSION_CONFLICT',
  'TENANTRY_ERR_HOSTNAME_TAKEN',
])

type Change = (authority: Authority, asked: Asked, op: number) => Promise<Committed<unknown>>

/** A tenant manager that does what comes to its mind. */
export class Manager {
  readonly reconciler: Reconciler
  readonly #authority: Authority
  readonly #writer: RestartWriter
  readonly #schedule: Schedule
  readonly #deeds: Deeds

  constructor(store: FaultyStore, schedule: Schedule, database: Database, deeds: Deeds) {
    const authority = new Authority(database)
    this.#authority = authority
    this.#schedule = schedule
    this.#deeds = deeds
    this.#writer = new RestartWriter({ authority, tokens: new FaultyConnection(store, schedule, true) })
    this.reconciler = new Reconciler({ authority, tokens: new FaultyConnection(store, schedule) })
  }

  /** Changes something, and writes its restarts, unless it stops in between. */
  async act(change: Change = this.#think()): Promise<void> {
    const began = this.#schedule.moment()
    const op = this.#deeds.began.push(began) - 1
    try {
      const { restarts } = await change(this.#authority, { by: 'chance', reason: `${op}` }, op)
      const done: Done = { op, began, committed: this.#schedule.moment(), restarts }
      this.#deeds.done.push(done)
      if (this.#schedule.random.chance(0.1)) return
      const { written, tokens } = await this.#writer.write(restarts)
      done.tokens = tokens
      if (written) done.written = { began: done.committed, ended: this.#schedule.moment() }
    } catch (error) {
      if (!isRefusal(error)) this.#deeds.wrong.push(error)
    }
  }

  /** Makes a tenant with a host name, so that there is something to begin with. */
  async begin(): Promise<void> {
    for (const [index, id] of IDS.entries()) {
      const hostnames = [HOSTNAMES[index] as string]
      await this.act((authority, asked, op) =>
        authority.createTenant({ id, name: id, hostnames, config: { born: op } }, asked),
      )
    }
  }

  #think(): Change {
    const { random } = this.#schedule
    const [id, other, hostname] = [random.pick(IDS), random.pick(IDS), random.pick(HOSTNAMES)]
    const hostnames = HOSTNAMES.filter(() => random.chance(0.3))
    const changes: Change[] = [
      (authority, asked, op) =>
        authority.createTenant({ id, name: id, hostnames, config: { born: op } }, asked),
      (authority, asked) => authority.deleteTenant(id, asked),
      (authority, asked) => authority.restart([...new Set([id, other])], asked),
      (authority, asked) => authority.restartAll(asked),
      (authority, asked) => authority.removeHostname(id, hostname, asked),
      async (authority, asked) => {
        const from = await authority.findTenantIdByHostname(hostname)
        return await authority.addHostname(id, hostname, { ...asked, from })
      },
      async (authority, asked) => {
        const version = (await authority.findTenant(id))?.version ?? 0
        return await authority.changeTenant(id, { version, name: `${id}'` }, asked)
      },
      async (authority, asked) => {
        const version = (await authority.findTenant(id))?.version ?? 0
        return await authority.changeTenant(id, { version, hostnames }, asked)
      },
    ]
    const [create, , restart, all, , move, rename] = changes as [Change, ...Change[]]
    return random.pick([...changes, create, restart, all, move, move, move, rename, rename] as Change[])
  }
}

function isRefusal(error: unknown): boolean {
  // The locks are taken in one order: no two transactions ever wait for each other.
  const isDeadlock = (error as { cause?: { code?: unknown } }).cause?.code === '40P01'
  return error instanceof TenantryError && REFUSALS.has(error.code) && !isDeadlock
}
