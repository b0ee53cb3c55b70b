import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Authority } from '@tenantry/authority'
import type { HeartbeatStore } from '@tenantry/core'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { TSchema } from 'typebox'
import { ErrorReply } from './api.ts'
import type { Board } from './board.ts'
import type { Changes } from './changes.ts'
import type { ConfigSchema } from './config-schema.ts'

/** The part of the app that is the API: what its routes' schemas say is what their handlers' types are. */
export type ApiApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** What the routes are about. */
export interface Api {
  readonly authority: Authority
  readonly heartbeats: HeartbeatStore
  readonly changes: Changes
  readonly board: Board
  readonly configSchema: ConfigSchema
}

/** The replies of every route: its own, and refusals. */
export function replies<Replies extends Record<number, TSchema>>(
  own: Replies,
): Replies & { '4xx': typeof ErrorReply; '5xx': typeof ErrorReply } {
  return { ...own, '4xx': refusal, '5xx': refusal }
}

const refusal = { ...ErrorReply, description: 'Refused, or failed: `code` says how, `message` why.' }
