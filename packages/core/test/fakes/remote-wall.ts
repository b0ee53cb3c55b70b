import { type Token, type TokenKey, tokenLifetimeMs } from '../../src/token.ts'
import { claimToken, type TokenAnswer, type TokenStore } from '../../src/token-store.ts'

/** Pretends to be the server of a wall: it answers in a later turn of the event loop, and falls silent when told to. */
export class RemoteWall {
  #now = 0
  #voice = deferred()
  #silence = deferred()
  readonly #held = new Map<TokenKey, { value: Token | Error; endsAt: number | undefined }>()

  constructor() {
    this.#voice.resolve()
  }

  /** Resolves as soon as the server is silent. */
  get silent(): Promise<void> {
    return this.#silence.promise
  }

  async get(key: TokenKey): Promise<Token | Error | null> {
    await this.#arrive()
    return this.#find(key)?.value ?? null
  }

  async set(key: TokenKey, value: Token | Error, lifetimeMs = tokenLifetimeMs(key)): Promise<void> {
    await this.#arrive()
    this.#held.set(key, { value, endsAt: lifetimeMs && this.#now + lifetimeMs })
  }

  /** Sets the key if it is absent; resolves to whether it was. */
  async add(key: TokenKey, token: Token): Promise<boolean> {
    await this.#arrive()
    if (this.#find(key) !== undefined) return false
    this.#held.set(key, { value: token, endsAt: this.lifetime(key) })
    return true
  }

  async extend(key: TokenKey): Promise<void> {
    await this.#arrive()
    const held = this.#find(key)
    if (held !== undefined) held.endsAt = this.lifetime(key)
  }

  lifetime(key: TokenKey): number | undefined {
    const lifetimeMs = tokenLifetimeMs(key)
    return lifetimeMs && this.#now + lifetimeMs
  }

  age(ms: number): void {
    this.#now += ms
  }

  lifetimeOf(key: TokenKey): number | undefined {
    const endsAt = this.#find(key)?.endsAt
    return endsAt && endsAt - this.#now
  }

  silence(): () => void {
    this.#voice = deferred()
    this.#silence.resolve()
    return () => {
      this.#silence = deferred()
      this.#voice.resolve()
    }
  }

  async #arrive(): Promise<void> {
    await this.#voice.promise
    await new Promise((resolve) => setImmediate(resolve))
  }

  #find(key: TokenKey) {
    const held = this.#held.get(key)
    return held?.endsAt !== undefined && held.endsAt <= this.#now ? undefined : held
  }
}

/** A store as the contract wants it; the broken ones differ from it in one thing each. */
export class RemoteTokenStore implements TokenStore {
  protected readonly wall: RemoteWall
  protected isClosed = false

  constructor(wall: RemoteWall) {
    this.wall = wall
  }

  read(keys: readonly TokenKey[]): Promise<readonly TokenAnswer[]> {
    return this.ask(() => Promise.all(keys.map((key) => this.wall.get(key))))
  }

  write(key: TokenKey, token: Token): Promise<void> {
    return this.ask(() => this.wall.set(key, token))
  }

  claim(key: TokenKey, newToken: () => Token): Promise<Token> {
    return this.ask(() =>
      claimToken(key, newToken, {
        add: (key, token) => this.wall.add(key, token),
        read: (key) => this.wall.get(key),
      }),
    )
  }

  async touch(keys: readonly TokenKey[]): Promise<void> {
    await this.ask(() => Promise.all(keys.map((key) => this.wall.extend(key))))
  }

  async close(): Promise<void> {
    this.isClosed = true
  }

  /** Gives an operation up when the server is silent: real stores have time limits. */
  protected async ask<T>(operation: () => Promise<T>): Promise<T> {
    if (this.isClosed) throw new Error('closed')
    const silent = this.wall.silent.then(() => Promise.reject(new Error('no answer')))
    return Promise.race([operation(), silent])
  }
}

/** Needs three attempts to find that its server goes on: as good a store. */
export class ReconnectingTokenStore extends RemoteTokenStore {
  #attempts = 0

  protected override async ask<T>(operation: () => Promise<T>): Promise<T> {
    void this.wall.silent.then(() => {
      this.#attempts = 3
    })
    if (this.#attempts-- > 0) throw new Error('still connecting')
    return super.ask(operation)
  }
}

function deferred() {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
