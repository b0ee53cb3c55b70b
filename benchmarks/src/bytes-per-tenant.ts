import { Load } from './load.ts'
import { StartedServer } from './started-server.ts'
import type { Setting } from './subjects/index.ts'

/** How many connections the tenants are asked for through. */
const CONNECTIONS = 16

/**
 * What a server's memory grows by with each tenant that it holds, in bytes: the difference between a process that
 * holds `tenants` of them and one that holds a single one, after as many requests.
 */
export async function bytesPerTenant(name: string, setting: Setting): Promise<number> {
  const single = await heapBytes(name, { ...setting, tenants: 1 }, setting.tenants)
  const all = await heapBytes(name, setting, setting.tenants)
  return (all - single) / (setting.tenants - 1)
}

/** What a tenant itself takes up, whoever holds it, in bytes. */
export async function bytesOfTenant(name: string, setting: Setting): Promise<number> {
  const server = await StartedServer.start(name, setting)
  try {
    return (await server.ask('tenantBytes')) / setting.tenants
  } finally {
    await server.stop()
  }
}

async function heapBytes(name: string, setting: Setting, requests: number): Promise<number> {
  const server = await StartedServer.start(name, setting)
  try {
    const load = await Load.open(server.port, { connections: CONNECTIONS, tenants: setting.tenants })
    try {
      // Twice: the second time, everything that the first one has left behind is gone.
      await load.inTurn(2 * requests)
    } finally {
      load.close()
    }
    return await server.ask('heapBytes')
  } finally {
    await server.stop()
  }
}
