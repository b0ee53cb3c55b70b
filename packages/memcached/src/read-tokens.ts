import type { TokenAnswer } from '@tenantry/core'
import type { MemcacheClient, MultiRetrievalResponse } from 'memcache-client'

/** The flags of a token. Other clients note there how they have encoded what is no string. */
const NO_FLAGS = '0'

/** Reads what is called `names` with one command; with one for each name if the client can make nothing of a value. */
export async function readTokens(client: MemcacheClient, names: string[]): Promise<TokenAnswer[]> {
  try {
    const found = await client.get<MultiRetrievalResponse>(names)
    // What does not speak Memcached's protocol may still give replies that the client takes for something.
    if (typeof found !== 'object' || Array.isArray(found)) throw new Error('what did is no Memcached')
    return names.map((name) => tokenOf(name, Object.hasOwn(found, name) ? found[name] : undefined))
  } catch (error) {
    // Flags may promise JSON that is none: the client then fails the whole read.
    if (!(error instanceof SyntaxError)) throw error
    if (names.length === 1) return names.map((name) => noToken(name, error))
    return (await Promise.all(names.map((name) => readTokens(client, [name])))).flat()
  }
}

function tokenOf(name: string, found: MultiRetrievalResponse[string] | undefined): TokenAnswer {
  if (found === undefined) return null
  const [, , flags] = found.tokens
  return flags === NO_FLAGS ? (found.value as string) : noToken(name)
}

function noToken(name: string, cause?: unknown): Error {
  return new Error(`There is no token at ${name}`, { cause })
}
