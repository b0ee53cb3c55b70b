import { PassThrough, Readable } from 'node:stream'
import type { Visit, Work } from '@tenantry/adapter-suite'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { visitOf } from './visit.ts'

type Handler = (visit: Visit, reply: FastifyReply) => unknown

/** How handlers answer without a stream: the path of a route, and what it does with its work. */
function plainWays(work: Work): Record<string, Handler> {
  async function toWork(visit: Visit): Promise<void> {
    await work.do(visit)
    work.use(visit, 'at the end of its work')
  }

  return {
    async '/returns'(visit) {
      await toWork(visit)
      return 'done'
    },
    '/sends'(visit, reply) {
      void toWork(visit).then(() => reply.send({ done: true }))
    },
    async '/rejects'(visit) {
      await toWork(visit)
      throw new Error('rejected')
    },
    '/sends-error'(visit, reply) {
      void toWork(visit).then(() => reply.send(new Error('sent')))
    },
    async '/no-content'(visit, reply) {
      await toWork(visit)
      return reply.code(204).send()
    },
    async '/not-modified'(visit, reply) {
      await toWork(visit)
      return reply.code(304).send()
    },
  }
}

/** How handlers answer with a stream: `begun` comes at once, `done` when the work is. */
function streamedWays(work: Work): Record<string, Handler> {
  async function* generate(visit: Visit): AsyncGenerator<string> {
    try {
      yield 'begun'
      await work.do(visit)
      work.use(visit, 'in a generator')
      yield 'done'
    } finally {
      work.use(visit, 'at the end of a generator')
    }
  }

  function pull(visit: Visit): Readable {
    let reading = Promise.resolve()
    let begun = false
    return new Readable({
      read() {
        if (!begun) {
          begun = true
          this.push('begun')
          return
        }
        reading = work.do(visit).then(() => {
          work.use(visit, 'in a read')
          this.push('done')
          this.push(null)
        })
      },
      // As a file does: what is being read is not closed.
      destroy(error, callback) {
        void reading.then(() => {
          work.use(visit, 'as a stream was destroyed')
          callback(error)
        })
      },
    })
  }

  function push(visit: Visit): PassThrough {
    const stream = new PassThrough()
    stream.write('begun')
    stream.once('close', () => work.use(visit, 'as a stream closed'))
    void work.do(visit).then(() => {
      if (!stream.destroyed) stream.end('done')
    })
    return stream
  }

  function pullFromWeb(visit: Visit): ReadableStream {
    let begun = false
    return new ReadableStream(
      {
        async pull(controller) {
          if (!begun) {
            begun = true
            controller.enqueue(new TextEncoder().encode('begun'))
            return
          }
          await work.do(visit)
          if (visit.connection.destroyed) return
          work.use(visit, 'in a pull')
          controller.enqueue(new TextEncoder().encode('done'))
          controller.close()
        },
        cancel: () => work.use(visit, 'as a web stream was cancelled'),
      },
      { highWaterMark: 0 },
    )
  }

  return {
    '/generates': (visit, reply) => reply.send(Readable.from(generate(visit))),
    '/pulls': async (visit) => pull(visit),
    '/pushes': (visit, reply) => reply.send(push(visit)),
    '/pulls-from-web': async (visit) => pullFromWeb(visit),
    '/responds': async (visit) => new Response(pullFromWeb(visit)),
  }
}

/** The ways that need more than a handler. */
function routeOtherWays(app: FastifyInstance, work: Work): void {
  app.get(
    '/throws',
    {
      preHandler: async (request) => {
        await work.do(visitOf(request))
      },
    },
    function throwAtOnce(request) {
      work.use(visitOf(request), 'before it throws')
      throw new Error('thrown')
    },
  )
  app.get(
    '/early',
    {
      preHandler: async (request, reply) => {
        await work.do(visitOf(request))
        work.use(visitOf(request), 'in a hook that answers')
        return reply.code(403).send('early')
      },
    },
    () => work.mourners.push('a handler ran behind a hook that had answered'),
  )
  app.get('/hijacks', async (request, reply) => {
    reply.hijack()
    await work.do(visitOf(request))
    work.use(visitOf(request), 'hijacked')
    reply.raw.end('HTTP/1.1 200 OK\r\n\r\n')
  })
  app.get('/limited', { handlerTimeout: 2 }, async (request) => {
    await work.do(visitOf(request))
    work.use(visitOf(request), 'beyond its time limit')
    return 'too late'
  })
  app.post('/body', async (request) => {
    await work.do(visitOf(request))
    work.use(visitOf(request), 'with a body')
    return request.body
  })
}

/** Routes for every way in which a response can end. */
export function routeWays(app: FastifyInstance, work: Work): void {
  for (const [path, handler] of Object.entries({ ...plainWays(work), ...streamedWays(work) })) {
    app.get(path, (request, reply) => handler(visitOf(request), reply))
  }
  routeOtherWays(app, work)
  app.setNotFoundHandler(async (request, reply) => {
    await work.do(visitOf(request))
    work.use(visitOf(request), 'where nothing was found')
    return reply.code(404).send('nothing here')
  })
}
