import type { FastifyInstance } from 'fastify'

/** How often each thing was done. */
export interface Misdeeds {
  torn: number
  wrong: number
  failed: number
}

/** What was done since it was made. */
export class Mischief {
  readonly done: Misdeeds = { torn: 0, wrong: 0, failed: 0 }
  /** How many answers there were: the first ones are spared, until the load test has seen that there is a server. */
  answers = 0
}

const ONE_IN = 10

/** Makes a server do, every now and then, each of the things that none may do; it counts in what `current` gives. */
export function misbehave(app: FastifyInstance, current: () => Mischief): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const { host = '' } = request.headers
    const id = host.replace(/\.localhost$/, '')
    if (typeof payload !== 'string' || reply.statusCode !== 200) return payload
    const mischief = current()
    const { done } = mischief
    mischief.answers += 1
    if (mischief.answers % ONE_IN !== 0) return payload
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
        done.wrong += 1
        return payload.replaceAll(id, 'load-9999')
      },
      // One that no load test has made.
      () => {
        done.wrong += 1
        return JSON.stringify({
          ...answer,
          tenant: { id: 'acme', name: 'Acme', hostnames: ['acme.example'] },
        })
      },
      () => {
        done.failed += 1
        reply.code(500)
        return payload
      },
      () => {
        done.torn += 1
        return payload + payload
      },
      () => {
        done.failed += 1
        request.raw.socket.destroy()
        return payload
      },
    ]
    const deed = deeds[(mischief.answers / ONE_IN) % deeds.length] as () => string
    return deed()

    function torn(answer: unknown): string {
      done.torn += 1
      return JSON.stringify(answer)
    }
  })
}
