import type { ServerOptions as HttpOptions } from 'node:http'
import type { TenantPool } from '@tenantry/core'
import type { ServerOptions } from '@tenantry/core/adapter'
import type { TestTenant, Visit } from './visit.ts'
import type { Work } from './work.ts'

/** An adapter to an HTTP server, as the suite puts it to the test. */
export interface Adapter {
  /** What it is called in the names of tests: `Fastify`. */
  readonly name: string

  /** Starts a server of the kind on a free port of 127.0.0.1. The suite closes it. */
  serve(options: ServeOptions): Promise<Served>

  /** In which ways its handlers may answer: {@link ServeOptions.work} makes routes of them. */
  readonly ways: readonly Way[]

  /**
   * Further requests (`GET /limited`) to those routes, of which it is not settled how they end. Only many at once
   * are made of them, and no answer is looked at.
   */
  readonly unsettled?: readonly string[]

  /**
   * A script for Node (JavaScript, on the built packages): an app server as users write it, with what `replica` of
   * `@tenantry/adapter-suite/replica` gives it.
   */
  readonly replica: URL
}

/**
 * When the lease of a request ends whose client has gone while the handler is at work.
 *
 * - `answered`: when the handler has answered, with a stream to its end, or soon after
 * - `limit`: `drainTimeoutMs` after the connection has closed: nobody knows when such a handler has answered
 * - `closed`: when the connection has closed; what the handler still does is out of everybody's sight
 */
export type LeaseEnds = 'answered' | 'limit' | 'closed'

/** One way in which a handler answers; it does its {@link Work} first, or in the middle of a stream. */
export interface Way {
  /** The method and the path: `GET /returns`. */
  readonly request: string
  /** All that its client receives in the end: head and body. */
  readonly expected: RegExp
  /** A stream: `begun` is sent at once, the rest when the work is done. @default false */
  readonly streamed?: boolean
  /** @default 'answered' */
  readonly whenGone?: LeaseEnds
}

/** Answers a GET: with text where it returns a string, otherwise with JSON. What it throws goes the way of errors. */
export type Handler = (visit: Visit) => unknown

export interface ServeOptions {
  /** What the adapter is told, but that `identify` gets a {@link Visit}: `tenantsFor` makes its own of it. */
  // biome-ignore lint/suspicious/noExplicitAny: tests load what they like
  readonly tenants: ServerOptions<Visit, any, TestTenant>

  /** By path. `*`: for every path that no other route has. */
  readonly routes?: Readonly<Record<string, Handler>>

  /**
   * Adds the routes of {@link Adapter.ways} and of {@link Adapter.unsettled}, and `POST /body`, whose handler runs
   * when all of a body of text has come, and answers with it. They bring each of their requests to `work.do`, once,
   * and call `work.use` whenever they look at the tenant.
   */
  readonly work?: Work | undefined

  /** What every request passes before the adapter, be it a hook or a middleware: its tenant is not known there. */
  readonly before?: (visit: Visit) => void | Promise<void>

  /** What every request passes next behind the adapter. */
  readonly after?: (visit: Visit) => void | Promise<void>

  /**
   * Told of every error on its way to the server's error handling, which answers it with its `statusCode`, the
   * headers that the adapter has set, and a JSON body in which `code` and `message` are.
   */
  readonly onError?: (error: unknown) => void

  /** Whose `X-Forwarded-Host` counts, as the server's own setting has it. @default nobody's */
  readonly trustProxy?: TrustProxy

  /** Options of the server of `node:http` below. */
  readonly http?: HttpOptions
}

export type TrustProxy = boolean | string | string[] | ((address: string) => boolean)

/** A server that has been started. */
export interface Served {
  readonly port: number
  // biome-ignore lint/suspicious/noExplicitAny: tests load what they like
  readonly pool: TenantPool<any, unknown>
  /**
   * Closes the server and its tenants, as users are told to: from the first moment nobody gets a lease any more.
   * May be called again.
   */
  close(): Promise<void>
}
