import type { FastifyInstance } from 'fastify'

/** How often each thing was done. */
export interface Misdeeds {
  torn: number
  wrong: number
  failed: number
}

const ONE_IN = 10

/** Makes a server do, every now and then, each of the things that none may do; it counts in what `current` gives. */
export function misbehave(app: FastifyInstance, current: () => Misdeeds): void {
  let turn = 0
  app.addHook('onSend', async (request, reply, payload) => {
    const { host = '' } = request.headers
    const id = host.replace(/\.localhost$/, '')
    if (typeof payload !== 'string' || reply.statusCode !== 200) return payload
    turn += 1
    if (turn % ONE_IN !== 0) return payload
    const answer = JSON.parse(payload)
    const deeds = [
      // Two builds of one tenant: its name is of the next one, its token is that of another one.
      () =>
        torn({ ...answer, tenant: { ...answer.tenant, name: `${id} #${answer.tenant.load.sequence + 1}` } }),
      () => torn({ ...answer, token: `${answer.token}x` }),
      () => torn({ ...answer, replica: 'another' }),
      // Two tenants.
      () =>
        torn({
          ...answer,
          tenant: { ...answer.tenant, load: { ...answer.tenant.load, tenant: 'load-9999' } },
        }),
      () => {
        current().wrong += 1
        return payload.replaceAll(id, 'load-9999')
      },
      () => {
        current().failed += 1
        reply.code(500)
        return payload
      },
      () => {
        current().failed += 1
        return payload.slice(1)
      },
      () => {
        current().failed += 1
        request.raw.socket.destroy()
        return payload
      },
    ]
    const deed = deeds[(turn / ONE_IN) % deeds.length] as () => string
    return deed()
  })

  function torn(answer: unknown): string {
    current().torn += 1
    return JSON.stringify(answer)
  }
}
