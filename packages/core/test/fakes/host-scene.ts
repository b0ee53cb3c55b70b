import { type HostDirectoryOptions, hostDirectory } from '../../src/host-directory.ts'
import type { TenantPoolOptions } from '../../src/pool-options.ts'
import { ALL, ALL_HOSTS, tenantKey } from '../../src/token.ts'
import { HeldAuthority, type SampleTenant } from './held-authority.ts'
import { FollowedRequest, PoolScene } from './pool-scene.ts'

type Options = Partial<TenantPoolOptions<SampleTenant> & HostDirectoryOptions<SampleTenant>>

/** A replica with a host directory. Its store and its authority answer by themselves, unless they are told to hold. */
export class HostScene extends PoolScene<SampleTenant> {
  readonly authority: HeldAuthority
  readonly ask: (hostname: string) => FollowedRequest<SampleTenant>
  #written = 1

  constructor(tenants: Record<string, readonly string[]>, options: Options = {}) {
    const authority = new HeldAuthority(tenants)
    const tokens = Object.keys(tenants).map((id) => [tenantKey(id), `${id} 1`])
    const { lookup = authority.lookup, hostnamesOf = (tenant) => tenant.hostnames, ...poolOptions } = options
    super(
      { ...Object.fromEntries(tokens), [ALL]: 'all 1', [ALL_HOSTS]: 'hosts 1' },
      { load: authority.load, ...poolOptions },
    )
    this.authority = authority
    this.store.open = true
    const acquire = this.pool.byHost(hostDirectory({ lookup, hostnamesOf }))
    this.ask = (hostname) => new FollowedRequest(acquire(hostname))
  }

  /** Asks, and lets turns pass until there is an answer. */
  async answer(hostname: string): Promise<FollowedRequest<SampleTenant>> {
    const request = this.ask(hostname)
    for (let turns = 0; request.outcome === 'waiting'; turns += 1) {
      if (turns === 50) throw new Error(`${hostname} is not answered`)
      await this.clock.turn()
    }
    request.lease?.release()
    return request
  }

  /** What `answer` comes to. */
  async outcome(hostname: string): Promise<string> {
    return (await this.answer(hostname)).outcome
  }

  /** Changes a tenant's host names, and writes the tokens as a manager does. */
  change(id: string, hostnames: readonly string[] | Error | undefined): void {
    if (hostnames === undefined) this.authority.tenants.delete(id)
    else this.authority.tenants.set(id, hostnames)
    this.restart(tenantKey(id))
    this.restart(ALL_HOSTS)
  }

  restart(key: string): void {
    this.#written += 1
    this.store.tokens.set(key, `${key} ${this.#written}`)
  }
}
