import { PassThrough, Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Work } from './work.ts'

type Way = (request: FastifyRequest, reply: FastifyReply) => unknown

/** How handlers answer without a stream: the path of a route, and what it does with its work. */
export function plainWays(work: Work): Record<string, Way> {
  async function toWork(request: FastifyRequest): Promise<void> {
    await work.do(request)
    work.use(request, 'at the end of its work')
  }

  return {
    async '/returns'(request) {
      await toWork(request)
      return 'done'
    },
    '/sends'(request, reply) {
      void toWork(request).then(() => reply.send({ done: true }))
    },
    async '/rejects'(request) {
      await toWork(request)
      throw new Error('rejected')
    },
    '/sends-error'(request, reply) {
      void toWork(request).then(() => reply.send(new Error('sent')))
    },
    async '/no-content'(request, reply) {
      await toWork(request)
      return reply.code(204).send()
    },
    async '/not-modified'(request, reply) {
      await toWork(request)
      return reply.code(304).send()
    },
  }
}

/** How handlers answer with a stream: `begun` comes at once, `done` when the work is. */
export function streamedWays(work: Work): Record<string, Way> {
  async function* generate(request: FastifyRequest): AsyncGenerator<string> {
    try {
      yield 'begun'
      await work.do(request)
      work.use(request, 'in a generator')
      yield 'done'
    } finally {
      work.use(request, 'at the end of a generator')
    }
  }

  function pull(request: FastifyRequest): Readable {
    let reading = Promise.resolve()
    let begun = false
    return new Readable({
      read() {
        if (!begun) {
          begun = true
          this.push('begun')
          return
        }
        reading = work.do(request).then(() => {
          work.use(request, 'in a read')
          this.push('done')
          this.push(null)
        })
      },
      // As a file does: what is being read is not closed.
      destroy(error, callback) {
        void reading.then(() => {
          work.use(request, 'as a stream was destroyed')
          callback(error)
        })
      },
    })
  }

  function push(request: FastifyRequest): PassThrough {
    const stream = new PassThrough()
    stream.write('begun')
    stream.once('close', () => work.use(request, 'as a stream closed'))
    void work.do(request).then(() => {
      if (!stream.destroyed) stream.end('done')
    })
    return stream
  }

  function pullFromWeb(request: FastifyRequest): ReadableStream {
    let begun = false
    return new ReadableStream(
      {
        async pull(controller) {
          if (!begun) {
            begun = true
            controller.enqueue(new TextEncoder().encode('begun'))
            return
          }
          await work.do(request)
          if (request.raw.socket.destroyed) return
          work.use(request, 'in a pull')
          controller.enqueue(new TextEncoder().encode('done'))
          controller.close()
        },
        cancel: () => work.use(request, 'as a web stream was cancelled'),
      },
      { highWaterMark: 0 },
    )
  }

  return {
    '/generates': (request, reply) => reply.send(Readable.from(generate(request))),
    '/pulls': async (request) => pull(request),
    '/pushes': (request, reply) => reply.send(push(request)),
    '/pulls-from-web': async (request) => pullFromWeb(request),
    '/responds': async (request) => new Response(pullFromWeb(request)),
  }
}

/** The ways that need more than a handler. */
function otherWays(app: FastifyInstance, work: Work): void {
  app.get(
    '/throws',
    {
      preHandler: async (request) => {
        await work.do(request)
      },
    },
    function throwAtOnce(request) {
      work.use(request, 'before it throws')
      throw new Error('thrown')
    },
  )
  app.get(
    '/early',
    {
      preHandler: async (request, reply) => {
        await work.do(request)
        work.use(request, 'in a hook that answers')
        return reply.code(403).send('early')
      },
    },
    () => work.mourners.push('a handler ran behind a hook that had answered'),
  )
  app.get('/hijacks', async (request, reply) => {
    reply.hijack()
    await work.do(request)
    work.use(request, 'hijacked')
    reply.raw.end('HTTP/1.1 200 OK\r\n\r\n')
  })
  app.get('/limited', { handlerTimeout: 2 }, async (request) => {
    await work.do(request)
    work.use(request, 'beyond its time limit')
    return 'too late'
  })
  app.post('/body', async (request) => {
    await work.do(request)
    work.use(request, 'with a body')
    return request.body
  })
}

/** Routes for every way in which a response can end. */
export function routeWays(app: FastifyInstance, work: Work): void {
  for (const [path, handler] of Object.entries({ ...plainWays(work), ...streamedWays(work) })) {
    app.get(path, handler)
  }
  otherWays(app, work)
  app.setNotFoundHandler(async (request, reply) => {
    await work.do(request)
    work.use(request, 'where nothing was found')
    return reply.code(404).send('nothing here')
  })
}
