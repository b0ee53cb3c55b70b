import assert from 'node:assert/strict'
import t from 'tap'
import { type Clock, claimToken, MemoryTokenStore, systemClock, type TokenStore } from '../src/index.ts'
import { storeSuite } from '../src/store-suite.ts'
import { ALL, ALL_HOSTS, newToken, TOKEN_LIFETIME_MS, tenantKey, tokenLifetimeMs } from '../src/token.ts'
import * as broken from './fakes/broken-token-stores.ts'
import { ReconnectingTokenStore, RemoteTokenStore, RemoteWall } from './fakes/remote-wall.ts'

const HOUR_MS = 60 * 60 * 1000

t.test('tenantKey', async (t) => {
  t.test('leaves plain ids legible', async (t) => {
    for (const id of ['acme', 'ACME-2', 'acme.example', 'a_b', '..', 'x'.repeat(255)]) {
      t.equal(tenantKey(id), `tenant:${id}`)
    }
  })

  t.test('no two ids share a key, and none spells a key of another kind', async (t) => {
    const alphabet = ['a', 'A', '%', '2', 'F', '/', ':', ' ', 'é', 'e\u0301', '🎈', '{', '\0']
    const ids = new Set(alphabet)
    for (const id of [...ids]) for (const next of alphabet) ids.add(id + next)
    for (const id of [...ids]) for (const next of alphabet) ids.add(id + next)
    for (const id of ['all', 'all-hosts', 'tenant:x', 'x', 'tenant%3Ax', 'a/b', 'a%2Fb', 'a%252Fb'])
      ids.add(id)
    const keys = new Set([...ids].map(tenantKey))
    t.equal(keys.size, ids.size)
    for (const key of keys) if (!/^tenant:[\x21-\x7e]+$/.test(key) || /[ :{}]/.test(key.slice(7))) t.fail(key)
    t.notOk(keys.has(ALL) || keys.has(ALL_HOSTS))
  })

  t.test('refuses what is no id, and says what it got', async (t) => {
    const refused: [unknown, RegExp][] = [
      ['', /non-empty string, got ""$/],
      [undefined, /non-empty string, got undefined$/],
      [7, /non-empty string, got 7$/],
      [['acme'], /non-empty string, got an array$/],
      ['x'.repeat(256), /at most 255 bytes of UTF-8, got "x{64}…"$/],
      ['ü'.repeat(128), /at most 255 bytes/],
      ['\ud800', /without lone surrogates, got "\\ud800"$/],
      ['a\udc00b', /without lone surrogates/],
    ]
    for (const [id, message] of refused) {
      t.throws(() => tenantKey(id as string), {
        code: 'TENANTRY_ERR_TENANT_ID_INVALID',
        statusCode: 400,
        message,
      })
    }
  })
})

t.test('tokenLifetimeMs', async (t) => {
  t.equal(TOKEN_LIFETIME_MS, 7 * 24 * HOUR_MS)
  t.equal(tokenLifetimeMs(tenantKey('acme'), 0), 0.9 * TOKEN_LIFETIME_MS)
  t.equal(tokenLifetimeMs(tenantKey('acme'), 0.5), TOKEN_LIFETIME_MS)
  t.equal(tokenLifetimeMs(tenantKey('acme'), 1), 1.1 * TOKEN_LIFETIME_MS)
  t.not(tokenLifetimeMs(tenantKey('acme')), tokenLifetimeMs(tenantKey('acme')))
  t.ok(Number.isInteger(tokenLifetimeMs(tenantKey('all'), 1 / 3)), 'a tenant may be called all')
  t.equal(tokenLifetimeMs(ALL), undefined)
  t.equal(tokenLifetimeMs(ALL_HOSTS), undefined)
})

t.test('a new token has 128 bits that no other has, and needs no quoting anywhere', async (t) => {
  const tokens = new Set(Array.from({ length: 10_000 }, newToken))
  t.equal(tokens.size, 10_000)
  for (const token of tokens) if (!/^[A-Za-z0-9_-]{22}$/.test(token)) t.fail(token)
})

t.test('claimToken', async (t) => {
  /** Mints `1`, `2`, …, and notes what was added. */
  function scene(add: (token: string) => boolean, read: () => string | null | Error) {
    const added: string[] = []
    let minted = 0
    const claim = claimToken('tenant:acme', () => `${++minted}`, {
      add: async (_, token) => {
        added.push(token)
        return add(token)
      },
      read: async () => read(),
    })
    return { added, claim }
  }

  t.test('gives what it added', async (t) => {
    const { added, claim } = scene(
      () => true,
      () => t.fail('it need not be read') as never,
    )
    t.equal(await claim, '1')
    t.same(added, ['1'])
  })

  t.test('gives what is there, be it the empty string', async (t) => {
    t.equal(
      await scene(
        () => false,
        () => 'theirs',
      ).claim,
      'theirs',
    )
    t.equal(
      await scene(
        () => false,
        () => '',
      ).claim,
      '',
    )
  })

  t.test('R5: adds a new token after the key has vanished between adding and reading', async (t) => {
    const { added, claim } = scene(
      (token) => token === '3',
      () => null,
    )
    t.equal(await claim, '3')
    t.same(added, ['1', '2', '3'])
  })

  t.test('gives up after three rounds', async (t) => {
    const { added, claim } = scene(
      () => false,
      () => null,
    )
    await t.rejects(claim, { message: /tenant:acme was present .* absent when it was read, 3 times/ })
    t.same(added, ['1', '2', '3'])
  })

  t.test('rejects with what the key was failed with', (t) =>
    t.rejects(
      scene(
        () => false,
        () => new Error('a list'),
      ).claim,
      { message: 'a list' },
    ),
  )
})

t.test('MemoryTokenStore', async (t) => {
  let now = 0
  const clock: Clock = { ...systemClock, now: () => now }
  const wall = new MemoryTokenStore({ clock })

  storeSuite({
    test: (name, run) => t.test(name, run),
    create: () => wall,
    age: (_, ms) => {
      now += ms
    },
    async lifetimesOf(keys) {
      const start = now
      const lifetimes: (number | undefined)[] = keys.map(() => undefined)
      for (; now - start < 8 * 24 * HOUR_MS; now += HOUR_MS / 60) {
        const answers = await wall.read(keys)
        answers.forEach((answer, index) => {
          if (answer === null) lifetimes[index] ??= now - start
        })
      }
      return lifetimes
    },
  })

  t.test('a token ends just when its lifetime is over', async (t) => {
    const store = new MemoryTokenStore({ clock, random: () => 0 })
    const key = tenantKey('acme')
    await store.write(key, 'token')
    now += 0.9 * TOKEN_LIFETIME_MS - 1
    t.same(await store.read([key]), ['token'])
    now += 1
    t.same(await store.read([key]), [null])
  })

  t.test('answers in a later microtask, by Node’s own clock when given none', async (t) => {
    const store = new MemoryTokenStore()
    let isAnswered = false
    const answer = store
      .claim(ALL, () => 'token')
      .finally(() => {
        isAnswered = true
      })
    t.notOk(isAnswered)
    t.equal(await answer, 'token')
    t.same(await store.read([ALL]), ['token'])
  })
})

t.test('the suite', async (t) => {
  /** Runs the suite on stores of one class; tells which tests fail, and how many there are. */
  async function runSuite(Store: new (wall: RemoteWall) => TokenStore) {
    const wall = new RemoteWall()
    const tests: [name: string, run: () => Promise<void>][] = []
    storeSuite({
      test: (name, run) => tests.push([name, run]),
      create: () => new Store(wall),
      putForeign: (key) => wall.set(key, new Error('a list')),
      age: (_, ms) => wall.age(ms),
      lifetimesOf: async (keys) => keys.map((key) => wall.lifetimeOf(key)),
      silence: () => wall.silence(),
      operationLimitMs: 200,
    })
    const failed: string[] = []
    for (const [name, run] of tests) {
      await run().catch((error) => {
        assert.ok(error instanceof assert.AssertionError || error.message === 'a list', error)
        failed.push(name)
      })
    }
    return { failed, count: tests.length }
  }

  t.test('is passed by stores that keep the contract', async (t) => {
    t.same(await runSuite(RemoteTokenStore), { failed: [], count: 17 })
    t.same(await runSuite(ReconnectingTokenStore), { failed: [], count: 17 })
  })

  t.test('asks only for what the test can bring about', async (t) => {
    const names: string[] = []
    storeSuite({ test: (name) => names.push(name), create: () => new MemoryTokenStore() })
    t.equal(names.length, 10)
  })

  const bites: Record<string, [new (wall: RemoteWall) => TokenStore, ...failed: RegExp[]]> = {
    'takes what is no token for nothing': [
      broken.BlindTokenStore,
      /^a key that holds/,
      /^a claim leaves alone/,
    ],
    'rejects a read because of one key': [
      broken.FragileTokenStore,
      /^a key that holds/,
      /^a claim leaves alone/,
    ],
    'looks first and writes then to claim': [broken.RacingTokenStore, /^clients that claim at once/],
    'writes to claim': [
      broken.UsurpingTokenStore,
      /^every string/,
      /^a claim gives/,
      /^clients that claim/,
      /^a token that has ended/,
      /^a claim leaves alone/,
    ],
    'touches by writing': [broken.RewritingTokenStore, /^touch writes no value/],
    'touches nothing': [broken.UntouchingTokenStore, /^a tenant’s token ends, unless/],
    'remembers answers': [
      broken.CachingTokenStore,
      /^a write replaces/,
      /^a tenant’s token ends/,
      /^a claim leaves alone/,
      /^every operation rejects/,
    ],
    'takes the empty string for nothing': [broken.FalsyTokenStore, /^every string/],
    'answers the last key first': [
      broken.BackwardTokenStore,
      /^read answers/,
      /^every string/,
      /^every tenant/,
      /^a thousand keys/,
      /^a tenant’s token ends/,
      /^the tokens of all/,
      /^a key that holds/,
    ],
    'cuts keys short': [broken.CuttingTokenStore, /^every tenant/],
    'does not spread lifetimes': [broken.UnspreadTokenStore, /^the tokens of all/, /^tenants’ tokens live/],
    'waits for a silent server': [broken.HangingTokenStore, /^every operation rejects/],
    'never recovers from silence': [broken.DespairingTokenStore, /^every operation rejects/],
    'cannot be closed': [broken.UnclosableTokenStore, /^a closed store/],
  }
  for (const [what, [Store, ...expected]] of Object.entries(bites)) {
    t.test(`fails a store that ${what}`, async (t) => {
      const { failed } = await runSuite(Store)
      t.match(failed, expected)
      t.equal(failed.length, expected.length, failed.join('; '))
    })
  }
})
