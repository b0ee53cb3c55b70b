import type { Asked, Authority, Committed, Database, Reconciler, RestartWriter } from '@tenantry/authority'
import type { Change } from './change.ts'
import { describeChange } from './change.ts'
import { Connection } from './connection.ts'
import { DatabaseLink } from './database-link.ts'
import type { Ledger } from './ledger.ts'
import type { Manager } from './manager.ts'
import { Process } from './process.ts'
import { type ReconcilerLock, StepwiseLink } from './stepwise-link.ts'
import type { World } from './world.ts'

export interface AuthorityManagerOptions {
  readonly database: Database
  readonly lock: ReconcilerLock
  readonly ledger: Ledger
}

/** What a change may be refused with, and what the loss of a connection looks like. */
const REFUSALS: readonly string[] = [
  'TENANTRY_ERR_AUTHORITY_UNREACHABLE',
  'TENANTRY_ERR_TENANT_NOT_FOUND',
  'TENANTRY_ERR_TENANT_EXISTS',
  'TENANTRY_ERR_VERSION_CONFLICT',
  'TENANTRY_ERR_HOSTNAME_TAKEN',
]

/** A tenant manager with the real authority, writer and reconciler: what it cannot write, some reconciler writes. */
export class AuthorityManager extends Process implements Manager {
  readonly connection: Connection
  readonly #world: World
  readonly #ledger: Ledger
  readonly #authority: Authority
  readonly #writer: RestartWriter
  readonly #reconciler: Reconciler
  readonly #reconciling: StepwiseLink
  #busy = 0

  constructor(name: string, world: World, { database, lock, ledger }: AuthorityManagerOptions) {
    super(name, world.schedule)
    this.#world = world
    this.#ledger = ledger
    this.connection = new Connection(world, this)
    const { Authority, Reconciler, RestartWriter } = world.modules.authority
    const link = new DatabaseLink(world, this, database, (result) =>
      ledger.note(result as Committed<unknown>),
    )
    this.#authority = new Authority(link)
    this.#writer = new RestartWriter({ authority: this.#authority, tokens: this.connection })
    this.#reconciling = new StepwiseLink(world, this, database, lock)
    this.#reconciler = new Reconciler({
      authority: new Authority(this.#reconciling),
      tokens: this.connection,
      clock: this,
    })
    this.#reconciler.on('rewritten', ({ key, id, found }) => {
      world.schedule.note(`${name}: ${key} was rewritten by restart ${id}, over ${world.history.name(found)}`)
    })
    this.#reconciler.start()
  }

  get isBusy(): boolean {
    return this.#busy > 0
  }

  change(change: Change): void {
    this.schedule.note(`${this.name}: ${describeChange(change)}`)
    this.#busy += 1
    this.#change(change).then(
      () => {
        this.#busy -= 1
      },
      (error) => {
        this.#busy -= 1
        if (REFUSALS.includes((error as { code?: string }).code ?? '')) return
        this.#world.violate('END', `${describeChange(change)} failed: ${error}`)
      },
    )
  }

  /** It is gone, between any two steps; what it holds of the database is given up, as the server does then. */
  async crash(): Promise<void> {
    this.die()
    this.schedule.bury(this)
    await this.#reconciling.rollBack()
  }

  /** As `apps/tenant-manager` does it: the change is committed with its restarts, and then they are written (R2). */
  async #change(change: Change): Promise<void> {
    const done = await this.#commit(change)
    const { written, tokens } = await this.#writer.write(done.restarts)
    if (!written) return
    const { moment: committed, ids } = this.#ledger.commitOf(done)
    this.#world.announce({ committed, ids, tokens, resolved: this.schedule.moment() })
    this.schedule.note(`${this.name}: ${describeChange(change)} has resolved`)
  }

  async #commit(change: Change): Promise<Committed<unknown>> {
    const asked: Asked = { by: this.name }
    const authority = this.#authority
    switch (change.kind) {
      case 'restart all':
        return await authority.restartAll(asked)
      case 'restart':
        return await authority.restart(change.ids, asked)
      case 'create': {
        const hostnames = change.hostname === undefined ? [] : [change.hostname]
        return await authority.createTenant({ id: change.id, name: change.id, hostnames, config: {} }, asked)
      }
      case 'delete':
        return await authority.deleteTenant(change.id, asked)
      case 'give':
        return await authority.addHostname(change.id, change.hostname, {
          ...asked,
          from: this.#world.records.ownerOf(change.hostname),
        })
      case 'update': {
        const [id] = change.ids as [string]
        const version = (await authority.findTenant(id))?.version ?? 0
        return await authority.changeTenant(id, { version, name: `${id}'` }, asked)
      }
    }
  }
}
