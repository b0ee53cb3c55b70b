// @ts-check
/**
 * Anything that has a key: here the private keys that services sign with, kept in memory until a token says that they
 * have been rotated. No tenants and no HTTP: a "tenant" is whatever `load` and `create` make of an id.
 *
 *   node examples/signing-keys.js
 */
import { randomUUID } from 'node:crypto'
import { TenantLifecycle, TenantPool } from '@tenantry/core'
import { RedisTokenStore } from '@tenantry/redis'
import { createLocalJWKSet, exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose'

const { REDIS_URL = 'redis://localhost' } = process.env
// A prefix of its own: beside tenants, say, on the same Redis.
const openTokens = () => new RedisTokenStore(REDIS_URL, { prefix: 'signing-keys:' })

/** Stands for a vault: the private key of each purpose. @type {Map<string, { kid: string, jwk: import('jose').JWK }>} */
const vault = new Map()
/** The public keys of all times: what was signed with an old one is still good. @type {import('jose').JWK[]} */
const published = []

const tokens = openTokens()

/** @param {string} purpose */
async function rotate(purpose) {
  const kid = randomUUID()
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  published.push({ ...(await exportJWK(publicKey)), kid })
  vault.set(purpose, { kid, jwk: await exportJWK(privateKey) })
  await new TenantLifecycle(tokens).restart(purpose)
}

/** A service that signs; in truth a process of its own. @param {string} name */
function openService(name) {
  const keys = new TenantPool({
    tokens: openTokens,
    load: (purpose) => vault.get(purpose),
    create: async ({ kid, jwk }) => {
      console.log(`${name} imports ${kid}`)
      return { kid, key: await importJWK(jwk, 'ES256') }
    },
  })
  return {
    /** @param {string} purpose */
    sign: (purpose) =>
      keys.use(purpose, ({ kid, key }) =>
        new SignJWT({ iss: name }).setProtectedHeader({ alg: 'ES256', kid }).sign(key),
      ),
    close: () => keys.close(),
  }
}

const services = [openService('billing'), openService('mailer')]
await rotate('invoices')
for (let round = 1; round <= 3; round += 1) {
  for (const service of services) {
    const jwt = await service.sign('invoices')
    const { payload, protectedHeader } = await jwtVerify(jwt, createLocalJWKSet({ keys: published }))
    console.log(`${payload.iss} signed with ${protectedHeader.kid}`)
  }
  if (round === 2) await rotate('invoices')
}
await Promise.all([...services.map((service) => service.close()), tokens.close()])
