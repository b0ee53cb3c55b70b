import assert from 'node:assert/strict'
import { ALL, ALL_HOSTS, newToken, type Token, tenantKey } from '../token.ts'
import { type Bench, each, freshKey, freshKeys } from './bench.ts'

/** Ids of which a careless encoding would make one key of two, or a key of another kind. */
const ODD_IDS = [
  ...'all all-hosts tenant:x x X a+b a/b a%2Fb a%2fb a%252Fb % . .. {a} * " \\ é e\u0301 ü.example 漢字 🎈'.split(
    ' ',
  ),
  ...[
    ' ',
    'a b',
    '\n',
    '\r\n',
    '\0',
    'x'.repeat(255),
    `${'x'.repeat(254)}y`,
    'ü'.repeat(127),
    '🎈'.repeat(63),
  ],
]

const ODD_TOKENS = [...ODD_IDS, '', 'null', '0', '-1', '(nil)', 'x'.repeat(9999)]

/** What `read`, `write`, `claim` and `touch` do to tokens. */
export function testTokens(bench: Bench): void {
  bench.test('read answers key by key, in the order of the keys', async (store, another) => {
    const [first, second, absent] = [freshKey(), freshKey(), freshKey()]
    await store.write(first, 'one')
    await store.write(second, 'two')
    const keys = [second, absent, first, second, absent]
    assert.deepEqual(await another.read(keys), ['two', null, 'one', 'two', null])
    assert.deepEqual(await another.read([]), [])
  })

  bench.test('every string is a token, the empty one too', async (store, another) => {
    const keys = freshKeys(ODD_TOKENS.length)
    await each(keys, (key, index) => store.write(key, ODD_TOKENS[index] as Token))
    assert.deepEqual(await another.read(keys), ODD_TOKENS)
    assert.deepEqual(await Promise.all(keys.map((key) => another.claim(key, newToken))), ODD_TOKENS)
  })

  bench.test('every tenant has a token of its own, whatever its id', async (store, another) => {
    const keys = [...ODD_IDS.map(tenantKey), ALL, ALL_HOSTS]
    const tokens = keys.map(newToken)
    await each(keys, (key, index) => store.write(key, tokens[index] as Token))
    assert.deepEqual(await another.read(keys), tokens)
  })

  bench.test('a thousand keys are read, and touched, at once', async (store, another) => {
    const keys = freshKeys(1000)
    const tokens = keys.map(newToken)
    await each(keys, (key, index) => store.write(key, tokens[index] as Token))
    await another.touch(keys)
    await another.touch([])
    assert.deepEqual(await another.read(keys), tokens)
  })

  bench.test('a write replaces, and is seen by every read that begins after it', async (store, another) => {
    const key = freshKey()
    for (let round = 0; round < 50; round += 1) {
      const [writer, reader] = round % 2 === 0 ? [store, another] : [another, store]
      const token = newToken()
      await writer.write(key, token)
      assert.deepEqual(await reader.read([key]), [token])
    }
  })

  bench.test('a claim adds a token where there is none', async (store, another) => {
    const key = freshKey()
    const made: Token[] = []
    const token = await store.claim(key, () => {
      made.push(newToken())
      return made.at(-1) as Token
    })
    assert.equal(token, made.at(-1))
    assert.deepEqual(await another.read([key]), [token])
  })

  bench.test('a claim gives the token that is there, and leaves it there', async (store, another) => {
    const key = freshKey()
    await store.write(key, 'there')
    assert.equal(await another.claim(key, newToken), 'there')
    assert.deepEqual(await store.read([key]), ['there'])
  })

  bench.test('clients that claim at once agree on one token, and it stays', async (store, another) => {
    await each(freshKeys(20), async (key) => {
      const claims = [store, another, store, another].map((client) => client.claim(key, newToken))
      const [token, ...others] = await Promise.all(claims)
      assert.deepEqual(others, [token, token, token])
      assert.deepEqual(await another.read([key]), [token])
    })
  })

  bench.test(
    'touch writes no value: not over a newer one, not where there is none',
    async (store, another) => {
      const absent = freshKeys(3)
      await store.touch(absent)
      assert.deepEqual(await another.read(absent), [null, null, null])
      // Neither order may bring the old value back; a second touch could hide that the first one did.
      await each(freshKeys(40), async (key, index) => {
        await store.write(key, 'old')
        const touch = () => another.touch([key])
        const write = () => store.write(key, 'new')
        await Promise.all(index % 2 === 0 ? [touch(), write()] : [write(), touch()])
        assert.deepEqual(await another.read([key]), ['new'])
      })
    },
  )
}
