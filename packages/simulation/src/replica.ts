import type { HeldTenant, Lease, TenantPool, Token } from '@tenantry/core'
import { Connection } from './connection.ts'
import { LIMITS } from './limits.ts'
import { type Attempt, Loader } from './loader.ts'
import { Process } from './process.ts'
import { describeQuestion, type Outcome, type Question, type Request } from './request.ts'
import type { Config, Site } from './site.ts'
import type { World } from './world.ts'

/** A tenant came into a replica's pool, or was outdated before it could. */
interface Built {
  readonly id: string
  readonly token: Token
  readonly moment: number
}

/** An app server: the real pool and host directory, and requests that are watched. */
export class Replica extends Process {
  readonly connection: Connection
  readonly requests: Request[] = []
  readonly sites: Site[] = []
  readonly builds: Built[] = []
  readonly pool: TenantPool<Config, Site>
  readonly loader: Loader
  readonly #world: World
  readonly #acquireByHost: (hostname: string) => Promise<Lease<Site>>
  readonly #open = new Set<Request>()

  constructor(name: string, world: World) {
    super(name, world.schedule)
    this.#world = world
    this.connection = new Connection(world, this)
    this.loader = new Loader(world, this)
    const { TenantPool, hostDirectory } = world.modules.core
    const { maxTenants, maxConcurrentBuilds } = world.temper
    this.pool = new TenantPool<Config, Site>({
      ...LIMITS,
      maxTenants,
      maxConcurrentBuilds,
      tokens: this.connection,
      clock: this,
      newToken: () => world.newToken(),
      load: (id, { signal }) => this.loader.load(id, signal),
      create: (config, { id, signal }) => this.loader.create(config, id, signal),
      dispose: (site) => this.#dispose(site),
    })
    this.#acquireByHost = this.pool.byHost(
      hostDirectory<Site>({
        lookup: (hostname, { signal }) => this.loader.lookUp(hostname, signal),
        hostnamesOf: ({ state }) => state.hostnames ?? [],
      }),
    )
    this.pool.on('storeUnreachable', () => this.#noteTrouble('the store is unreachable'))
    this.pool.on('storeReachable', () => this.#noteTrouble('the store is reachable again'))
    this.pool.on('built', ({ id, token }) => this.#noteBuilt(id, token))
  }

  get isReachable(): boolean {
    return this.pool.stats().store === 'reachable'
  }

  /** Requests that have neither been given a tenant nor been refused. */
  get open(): ReadonlySet<Request> {
    return this.#open
  }

  get attempts(): readonly Attempt[] {
    return this.loader.attempts
  }

  /** Answers a request. */
  serve(question: Question): Request {
    const { schedule } = this.#world
    const request: Request = {
      name: this.#world.nameRequest(),
      question,
      arrived: schedule.moment(),
      arrivedAt: schedule.now,
      wasReachable: this.isReachable,
      held: question.kind === 'tenant' ? tokensOf(this.pool.heldOf(question.id)) : undefined,
    }
    this.requests.push(request)
    this.#open.add(request)
    schedule.note(`${this.name}: request ${request.name} for ${describeQuestion(question)} comes in`)
    this.#acquire(question).then(
      (lease) => this.#grant(request, lease),
      (error) => this.#end(request, { code: String((error as { code?: string }).code ?? error) }),
    )
    return request
  }

  async #acquire(question: Question): Promise<Lease<Site>> {
    if (question.kind === 'tenant') return await this.pool.acquire(question.id)
    const rawHeaders = question.headers.flatMap((host) => ['Host', host])
    const [host] = question.headers
    const { requestHostname } = this.#world.modules.core
    return await this.#acquireByHost(requestHostname({ headers: { host }, rawHeaders, url: '/' }))
  }

  #grant(request: Request, lease: Lease<Site>): void {
    const { schedule, random, temper } = this.#world
    const site = lease.tenant
    if (site.disposals > 0) this.#world.violate('G3', `${request.name} was given ${site.name} after its end`)
    site.leases += 1
    site.token = lease.token
    const held = this.pool.heldOf(site.id)
    if (held?.builtAt === lease.builtAt) site.all = held.all
    this.#end(request, { site })

    if (lease.signal.aborted) this.#noteLeft(site, request.arrivedAt)
    else lease.signal.addEventListener('abort', () => this.#noteLeft(site, schedule.now))
    const until = random.chance(temper.patience) ? schedule.now + random.below(5 * LIMITS.drainTimeoutMs) : 0
    schedule.later({
      label: `${this.name}: request ${request.name} has its response`,
      to: this,
      isHeld: () => schedule.now < until && !this.#world.isAtPeace,
      run: () => {
        if (lease.tenant !== site)
          this.#world.violate('G2', `${request.name} was given ${site.name}, and then ${lease.tenant.name}`)
        site.leases -= 1
        lease.release()
        // Adapters may: a response and its connection both end.
        if (random.chance(0.3)) lease.release()
      },
    })
  }

  #end(request: Request, outcome: Outcome): void {
    const { schedule } = this.#world
    this.#open.delete(request)
    request.answered = schedule.moment()
    request.answeredAt = schedule.now
    request.outcome = outcome
    const { question, held } = request
    request.wasKept =
      held !== undefined &&
      question.kind === 'tenant' &&
      this.pool.heldOf(question.id)?.builtAt === held.builtAt
    schedule.note(`${this.name}: request ${request.name} is given ${outcome.site?.name ?? outcome.code}`)
  }

  /** It has left the pool by now, and not before `earliest`. */
  #noteLeft(site: Site, earliest: number): void {
    site.leftAt ??= earliest
    site.leftBy ??= this.#world.schedule.now
  }

  #dispose(site: Site): void {
    const { schedule } = this.#world
    schedule.note(`${this.name}: ${site.name} is disposed of`)
    site.disposals += 1
    if (site.disposals > 1) this.#world.violate('G3', `${site.name} was disposed of twice`)
    const isDue = site.leftAt !== undefined && schedule.now >= site.leftAt + LIMITS.drainTimeoutMs
    if (site.leases > 0 && !isDue) {
      this.#world.violate('G3', `${site.name} was disposed of while ${site.leases} requests held it`)
    }
  }

  #noteTrouble(what: string): void {
    this.connection.noteTrouble()
    this.#world.schedule.note(`${this.name}: ${what}`)
  }

  #noteBuilt(id: string, token: Token): void {
    this.builds.push({ id, token, moment: this.#world.schedule.moment() })
    this.#world.schedule.note(`${this.name}: ${id} is built under ${this.#world.history.name(token)}`)
  }
}

function tokensOf(held: HeldTenant | undefined): Request['held'] {
  return held && { token: held.token, all: held.all, builtAt: held.builtAt }
}
