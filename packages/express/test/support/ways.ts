import { pipeline, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Visit, Way, Work } from '@tenantry/adapter-suite'
import express, { type Application, type Request, type Response } from 'express'
import { visitOf } from './visit.ts'

type Handler = (req: Request, res: Response) => Promise<unknown>

const FILE = fileURLToPath(new URL('../fixtures/file.txt', import.meta.url))
const STREAMED = /200 OK.*begun.*done/s

/** The ways in which handlers of Express answer; where one neither ends its response nor fails, only the limit is left. */
export const WAYS: readonly Way[] = [
  { request: 'GET /sends', expected: /200 OK.*done/s },
  { request: 'GET /sends-json', expected: /200 OK.*"done":true/s },
  { request: 'GET /redirects', expected: /302 Found.*Location: \/elsewhere/s },
  { request: 'GET /ends', expected: /200 OK.*done/s },
  { request: 'GET /rejects', expected: /500 .*rejected/s },
  { request: 'GET /passes-error', expected: /500 .*passed/s },
  { request: 'GET /early', expected: /403 .*early/s },
  { request: 'GET /no-content', expected: /204 No Content/ },
  { request: 'GET /not-modified', expected: /304 Not Modified/ },
  { request: 'GET /nowhere', expected: /404 .*nothing here/s },
  { request: 'HEAD /sends', expected: /200 OK/ },
  { request: 'HEAD /rejects', expected: /500 / },
  { request: 'GET /writes', expected: STREAMED, streamed: true },
  { request: 'GET /pipelines', expected: STREAMED, streamed: true },
  { request: 'GET /pipes', expected: STREAMED, streamed: true, whenGone: 'limit' },
  { request: 'GET /sends-file', expected: /200 OK.*what is in the file/s, whenGone: 'limit' },
]

/** Routes for all of them. */
export function routeWays(app: Application, work: Work): void {
  async function toWork(req: Request): Promise<Visit> {
    const visit = visitOf(req)
    await work.do(visit)
    work.use(visit, 'at the end of its work')
    return visit
  }

  async function* generate(req: Request): AsyncGenerator<string> {
    try {
      yield 'begun'
      await toWork(req)
      yield 'done'
    } finally {
      work.use(visitOf(req), 'at the end of a generator')
    }
  }

  /** Of Express 4, nobody else would hear that the handler has failed. */
  const get = (path: string, handler: Handler) => {
    app.get(path, (req, res, next) => void handler(req, res).catch(next))
  }

  get('/sends', async (req, res) => toWork(req).then(() => res.send('done')))
  get('/sends-json', async (req, res) => toWork(req).then(() => res.json({ done: true })))
  get('/redirects', async (req, res) => toWork(req).then(() => res.redirect('/elsewhere')))
  get('/ends', async (req, res) => toWork(req).then(() => res.end('done')))
  get('/no-content', async (req, res) => toWork(req).then(() => res.status(204).end()))
  get('/not-modified', async (req, res) => toWork(req).then(() => res.status(304).end()))
  get('/sends-file', async (req, res) => toWork(req).then(() => res.sendFile(FILE)))
  get('/rejects', async (req) => {
    await toWork(req)
    throw new Error('rejected')
  })
  app.get('/passes-error', (req, _res, next) => {
    void toWork(req).then(() => next(new Error('passed')))
  })
  app.get(
    '/early',
    (req, res) => void toWork(req).then(() => res.status(403).send('early')),
    () => work.mourners.push('a handler ran behind one that had answered'),
  )
  get('/writes', async (req, res) => {
    res.write('begun')
    await toWork(req)
    res.end('done')
  })
  get('/pipes', async (req, res) => Readable.from(generate(req)).pipe(res))
  app.get('/pipelines', (req, res) => pipeline(Readable.from(generate(req)), res, () => res.end()))
  app.post('/body', express.text(), (req, res) => void toWork(req).then(() => res.send(req.body)))
  app.use((req, res) => void toWork(req).then(() => res.status(404).send('nothing here')))
}
