// @ts-check
/** Stands for your database: the tenants of `tenants.json`, or of the file that TENANTS_FILE names, read anew each time. */
import { readFile } from 'node:fs/promises'

const file = process.env.TENANTS_FILE ?? new URL('../tenants.json', import.meta.url)

/**
 * @typedef {object} Tenant
 * @property {string} name
 * @property {readonly string[]} hostnames
 * @property {string} webhook
 */

/** @returns {Promise<Map<string, Tenant>>} by id */
export async function readTenants() {
  // A map, since strangers ask for ids that every object has, such as "constructor".
  return new Map(Object.entries(JSON.parse(await readFile(file, 'utf8'))))
}

/**
 * @param {string} id
 * @returns {Promise<Tenant | undefined>} undefined: there is no such tenant
 */
export async function readTenant(id) {
  return (await readTenants()).get(id)
}
