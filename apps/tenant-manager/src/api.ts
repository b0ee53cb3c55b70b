/**
 * What the API takes and gives, once for all who speak it: the server validates by these schemas and documents them;
 * the page and the command line have the types alone (`import type`).
 */
import Type, { type Static, type TSchema } from 'typebox'

const closed = { additionalProperties: false }
const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const time = Type.String({ format: 'date-time' })

const Id = Type.String({
  minLength: 1,
  maxLength: 255,
  description: 'A tenant id: at most 255 bytes of UTF-8.',
})
const Name = Type.String({ minLength: 1, maxLength: 200, description: 'What people call the tenant.' })
const Hostname = Type.String({ minLength: 1, maxLength: 255, description: 'A host name, without a port.' })
const Hostnames = Type.Array(Hostname, { maxItems: 100, uniqueItems: true })
// Not a Record: that one is told by a pattern for its keys, and `.` matches no line break.
const Config = Type.Unsafe<Readonly<Record<string, unknown>>>({
  type: 'object',
  additionalProperties: true,
  description:
    'The configuration: a JSON object, checked against the schema that the manager was given, if any.',
})
const Reason = Type.String({ maxLength: 500, description: 'Why, for the history.' })
const Version = Type.Integer({ minimum: 1, description: 'The version that the change was made from.' })

/** What became of a restart. */
const Outcome = {
  token: Type.String({
    description:
      'What was written, or attempted. If `written` is false, another one will be written; it begins alike, up to the dot.',
  }),
  written: Type.Boolean({
    description: 'False: it is committed, and will be written as soon as the store can be reached.',
  }),
}

export const TenantSummary = Type.Object({
  id: Id,
  name: Name,
  hostnames: Hostnames,
  version: Version,
  createdAt: time,
  updatedAt: time,
})
export const Tenant = Type.Object({ ...TenantSummary.properties, config: Config })
export const TenantReply = Type.Object({ ...Tenant.properties, ...Outcome })

/** How many there are to be on a page. */
const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 }))

export const TenantParams = Type.Object({ id: Id })
export const HostnameParams = Type.Object({ id: Id, hostname: Hostname })

/** Sent with every change. */
export const OperatorHeaders = Type.Object({
  'x-tenantry-operator': Type.Optional(
    Type.String({
      maxLength: 1200,
      description:
        'Who asks, for the history: at most 128 characters, percent-encoded where they are not ASCII. Without it: `api`.',
    }),
  ),
})

export const TenantsQuery = Type.Object(
  {
    search: Type.Optional(
      Type.String({ maxLength: 255, description: 'Part of an id, a name or a host name.' }),
    ),
    after: Type.Optional(Type.String({ maxLength: 255, description: 'The `next` of the page before.' })),
    limit: Limit,
  },
  closed,
)
export const TenantsPage = Type.Object({
  tenants: Type.Array(TenantSummary),
  total: Type.Integer({ description: 'How many there are on all pages.' }),
  next: nullable(Type.String()),
})

/** A URL in which `.` or `..` stands for itself cannot be written: such a tenant could not be asked for. */
const NewId = Type.String({
  minLength: 1,
  maxLength: 255,
  not: { enum: ['.', '..'] },
  description: 'A tenant id: at most 255 bytes of UTF-8, and neither `.` nor `..`.',
})
export const NewTenant = Type.Object(
  {
    id: NewId,
    name: Name,
    hostnames: Type.Optional(Type.Array(Hostname, { maxItems: 100, default: [] })),
    config: Type.Optional(Config),
  },
  closed,
)
export const TenantChange = Type.Object(
  {
    version: Version,
    name: Type.Optional(Name),
    config: Type.Optional(Config),
    hostnames: Type.Optional(Type.Array(Hostname, { maxItems: 100 })),
    reason: Type.Optional(Reason),
  },
  closed,
)
export const NewHostname = Type.Object(
  {
    hostname: Hostname,
    from: Type.Optional(
      Type.String({ maxLength: 255, description: 'The tenant that gives it up, where it belongs to one.' }),
    ),
    reason: Type.Optional(Reason),
  },
  closed,
)

export const RestartOne = Type.Object({ reason: Type.Optional(Reason) }, closed)
export const RestartReply = Type.Object(Outcome)
export const RestartMany = Type.Object(
  {
    tenants: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: 10_000 })),
    all: Type.Optional(Type.Literal(true)),
    reason: Type.Optional(Reason),
  },
  {
    ...closed,
    description: 'either `tenants` or `all`, and not both',
    oneOf: [{ required: ['tenants'] }, { required: ['all'] }],
  },
)
export const RestartManyReply = Type.Object({
  written: Type.Boolean(),
  restarts: Type.Array(Type.Object({ tenant: nullable(Id), ...Outcome })),
})

/** A line of the history. */
export const Restart = Type.Object({
  id: Type.String({
    description: 'Its number: restarts of one key are numbered in the order of their commits.',
  }),
  key: Type.String({ description: 'The token key: `tenant:<id>`, `all` or `all-hosts`.' }),
  tenant: nullable(Id),
  cause: Type.Union(
    [
      Type.Literal('create'),
      Type.Literal('change'),
      Type.Literal('hostnames'),
      Type.Literal('delete'),
      Type.Literal('restart'),
    ],
    { description: 'What it was committed with; `restart`: nothing else.' },
  ),
  by: Type.String(),
  reason: nullable(Type.String()),
  requestedAt: time,
  writtenAt: nullable(time),
})
export const RestartsQuery = Type.Object(
  {
    tenant: Type.Optional(Id),
    before: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,18}$', description: 'The `next` of the page before.' }),
    ),
    limit: Limit,
  },
  closed,
)
export const RestartsPage = Type.Object({
  restarts: Type.Array(Restart, { description: 'The newest first.' }),
  next: nullable(Type.String()),
})

export const Replica = Type.Object({
  replica: Type.String({ description: 'What it calls itself.' }),
  startedAt: time,
  tenants: Type.Integer({ description: 'How many tenants it holds.' }),
  failed: Type.Integer({ description: 'How many it could not build.' }),
})
export const Replicas = Type.Object({ replicas: Type.Array(Replica) })

/**
 * How far a replica is with a tenant. `current`: it holds the tenant as of its last restart, and of the last restart
 * of all; `behind`: as of an earlier one; `failed`: it could not build it as of the last one; `not-loaded`: it does
 * not hold it.
 */
export const State = Type.Union([
  Type.Literal('current'),
  Type.Literal('behind'),
  Type.Literal('failed'),
  Type.Literal('not-loaded'),
])
export const Convergence = Type.Object({
  tenant: Id,
  restart: nullable(Restart),
  converged: Type.Boolean({
    description: 'Whether the restart is written, and no replica is behind or has failed.',
  }),
  counts: Type.Object({
    current: Type.Integer(),
    behind: Type.Integer(),
    failed: Type.Integer(),
    'not-loaded': Type.Integer(),
  }),
  replicas: Type.Array(
    Type.Object({
      replica: Type.String(),
      state: State,
      token: nullable(Type.String()),
      at: nullable(time),
      reason: nullable(Type.String()),
    }),
  ),
})

/** What is wrong, and where: a JSON pointer into the body. */
export const Problem = Type.Object({ path: Type.String(), message: Type.String() })
export const ConfigCheck = Type.Object({ config: Config }, closed)
export const ConfigCheckReply = Type.Object({ problems: Type.Array(Problem) })
export const ConfigSchemaReply = Type.Object({
  schema: nullable(Type.Unknown({ description: 'JSON Schema; null: any object will do.' })),
})

export const ErrorReply = Type.Object({
  statusCode: Type.Integer(),
  code: Type.String(),
  message: Type.String(),
  problems: Type.Optional(Type.Array(Problem)),
})

/** A cell of the grid: one tenant on one replica. A tenant that is not loaded has none. */
export const Cell = Type.Object({
  state: Type.Union([Type.Literal('current'), Type.Literal('behind'), Type.Literal('failed')]),
  stamp: Type.String({ description: 'A digest of the tokens it was built under: equal where those are.' }),
  at: time,
  reason: Type.Optional(Type.String()),
})
export const BoardTenant = Type.Object({
  id: Id,
  name: Name,
  hostnames: Hostnames,
  version: Version,
  restart: nullable(Type.String({ description: 'The id of its last restart.' })),
  written: Type.Boolean({ description: 'Whether that has reached the store.' }),
})
export const DemoReplica = Type.Object({ name: Type.String() })
export const DemoTraffic = Type.Object({ on: Type.Boolean() }, closed)
export const Demo = Type.Object({
  replicas: Type.Array(Type.Object({ name: Type.String(), port: Type.Integer() })),
  traffic: Type.Boolean(),
  served: Type.Integer({ description: 'Requests of the traffic that were answered with 200 so far.' }),
  failed: Type.Integer({ description: 'Those that were not.' }),
})

/**
 * One event of the live stream, `GET /api/events`. The first holds everything (`reset`); each later one what has
 * changed. What an event does not name stays as it is.
 */
export const BoardChange = Type.Object({
  reset: Type.Optional(Type.Literal(true)),
  total: Type.Optional(Type.Integer({ description: 'How many tenants there are, shown or not.' })),
  tenants: Type.Optional(Type.Object({ set: Type.Array(BoardTenant), gone: Type.Array(Id) })),
  replicas: Type.Optional(Type.Object({ set: Type.Array(Replica), gone: Type.Array(Type.String()) })),
  cells: Type.Optional(
    Type.Record(
      Type.String({ description: 'A replica.' }),
      Type.Object({ set: Type.Record(Type.String(), Cell), gone: Type.Array(Type.String()) }),
    ),
  ),
  restarts: Type.Optional(
    Type.Array(Restart, { description: 'New ones, and those now written; oldest first.' }),
  ),
  authority: Type.Optional(Type.Union([Type.Literal('reachable'), Type.Literal('unreachable')])),
  store: Type.Optional(Type.Union([Type.Literal('reachable'), Type.Literal('unreachable')])),
  demo: Type.Optional(Demo),
  siteUrl: Type.Optional(
    Type.String({
      description:
        'Where the site of a host name is: `{hostname}` stands for it. Only in the first event, and only if the manager was told.',
    }),
  ),
})

export type TenantSummary = Static<typeof TenantSummary>
export type Tenant = Static<typeof Tenant>
export type TenantReply = Static<typeof TenantReply>
export type TenantsPage = Static<typeof TenantsPage>
export type NewTenant = Static<typeof NewTenant>
export type TenantChange = Static<typeof TenantChange>
export type RestartReply = Static<typeof RestartReply>
export type RestartMany = Static<typeof RestartMany>
export type RestartManyReply = Static<typeof RestartManyReply>
export type Restart = Static<typeof Restart>
export type RestartsPage = Static<typeof RestartsPage>
export type Replica = Static<typeof Replica>
export type State = Static<typeof State>
export type Convergence = Static<typeof Convergence>
export type Problem = Static<typeof Problem>
export type ErrorReply = Static<typeof ErrorReply>
export type Cell = Static<typeof Cell>
export type BoardTenant = Static<typeof BoardTenant>
export type Demo = Static<typeof Demo>
export type BoardChange = Static<typeof BoardChange>
