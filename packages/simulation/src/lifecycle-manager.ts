import { ALL, ALL_HOSTS, type Token, type TokenKey, type TokenStore } from '@tenantry/core'
import { type Change, describeChange } from './change.ts'
import { Connection } from './connection.ts'
import type { Manager } from './manager.ts'
import { Process } from './process.ts'
import type { Commit } from './records.ts'
import type { World } from './world.ts'

/** How long it waits before it repeats what has failed, in milliseconds. */
const REPEAT_MS = 100

/** A manager without an authority of ours: it commits to the records, and repeats a restart until it has resolved. */
export class LifecycleManager extends Process implements Manager {
  readonly connection: Connection
  readonly #world: World
  #busy = 0

  constructor(name: string, world: World) {
    super(name, world.schedule)
    this.#world = world
    this.connection = new Connection(world, this)
  }

  get isBusy(): boolean {
    return this.#busy > 0
  }

  change(change: Change): void {
    this.#busy += 1
    this.schedule.note(`${this.name}: ${describeChange(change)}`)
    this.schedule.later({
      label: `authority: ${this.name} commits ${describeChange(change)}`,
      from: this,
      run: () => {
        const commit = this.#commit(change)
        this.schedule.later({
          label: `${this.name} ← committed ${describeChange(change)}`,
          to: this,
          run: () => void this.#tell(change, commit),
        })
      },
    })
  }

  /** R2: this is called when the change is committed. */
  async #tell(change: Change, commit: Commit): Promise<void> {
    for (;;) {
      const tokens = new Map<TokenKey, Token>()
      try {
        await this.#restart(change, commit, tokens)
        const { moment: committed, ids } = commit
        this.#world.announce({ committed, ids, tokens, resolved: this.schedule.moment() })
        this.schedule.note(`${this.name}: ${describeChange(change)} has resolved`)
        this.#busy -= 1
        return
      } catch {
        await new Promise<void>((resolve) => this.setTimeout(resolve, REPEAT_MS))
      }
    }
  }

  /** @param tokens where what is written is noted */
  async #restart(change: Change, commit: Commit, tokens: Map<TokenKey, Token>): Promise<void> {
    const { TenantLifecycle } = this.#world.modules.core
    const { connection } = this
    const noting: TokenStore = {
      read: (keys) => connection.read(keys),
      claim: (key, newToken) => connection.claim(key, newToken),
      touch: (keys) => connection.touch(keys),
      write: (key, token) => {
        tokens.set(key, token)
        return connection.write(key, token)
      },
    }
    const lifecycle = new TenantLifecycle(noting, { newToken: () => this.#world.newToken() })
    const [first] = commit.ids
    if (change.kind === 'restart all') await lifecycle.restartAll()
    else if (commit.keys.includes(ALL_HOSTS)) await lifecycle.hostsChanged(commit.ids)
    else if (commit.ids.length === 1) await lifecycle.restart(first as string)
    else await lifecycle.restartMany(commit.ids)
  }

  #commit(change: Change): Commit {
    const { records } = this.#world
    const { tenantKey } = this.#world.modules.core
    const hostnamesOf = (id: string): readonly string[] | undefined => records.latest(id)?.hostnames
    const changes = new Map<string, readonly string[] | undefined>()
    if (change.kind === 'restart all') {
      for (const id of this.#world.ids) if (hostnamesOf(id)) changes.set(id, hostnamesOf(id))
      return records.commit(changes, [ALL])
    }
    if (change.kind === 'update' || change.kind === 'restart') {
      for (const id of change.ids) changes.set(id, hostnamesOf(id))
      return records.commit(changes, change.ids.map(tenantKey))
    }
    if (change.kind === 'delete') changes.set(change.id, undefined)
    if (change.kind === 'create') {
      const isFree = change.hostname !== undefined && records.ownerOf(change.hostname) === undefined
      changes.set(change.id, hostnamesOf(change.id) ?? (isFree ? [change.hostname as string] : []))
    }
    if (change.kind === 'give') {
      const { id, hostname } = change
      const [mine, owner] = [hostnamesOf(id), records.ownerOf(hostname)]
      // It may have been deleted meanwhile.
      changes.set(id, mine && [...new Set([...mine, hostname])])
      // The new owner's token first, then that of the old one.
      if (mine !== undefined && owner !== undefined && owner !== id) {
        changes.set(
          owner,
          hostnamesOf(owner)?.filter((name) => name !== hostname),
        )
      }
    }
    return records.commit(changes, [...[...changes.keys()].map(tenantKey), ALL_HOSTS])
  }
}
