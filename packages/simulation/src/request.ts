import type { Site } from './site.ts'

/** What a request asks for: a tenant by its id, or whose host it names. */
export type Question =
  | { readonly kind: 'tenant'; readonly id: string }
  /** `hostname` is what the headers mean, by the rules of section 6; undefined: they are to be refused. */
  | { readonly kind: 'host'; readonly headers: readonly string[]; readonly hostname: string | undefined }

/** What became of a request. */
export type Outcome =
  | { readonly site: Site; readonly code?: undefined }
  | { readonly site?: undefined; readonly code: string }

/** A request, as it is seen from outside. */
export interface Request {
  readonly name: string
  readonly question: Question
  /** When it came in. */
  readonly arrived: number
  /** The same, in milliseconds. */
  readonly arrivedAt: number
  /** Whether the replica held the store to be reachable then. */
  readonly wasReachable: boolean
  /** The tokens of what was in memory of its tenant then, by its id. */
  readonly held: { readonly token: string; readonly all: string; readonly builtAt: Date } | undefined
  /** When it was given a tenant, or refused. */
  answered?: number
  answeredAt?: number
  outcome?: Outcome
  /** Whether what was in memory of its tenant when it came in still was when it was answered. */
  wasKept?: boolean
}

export function describeQuestion(question: Question): string {
  return question.kind === 'tenant' ? question.id : `Host: ${question.headers.join(' / ')}`
}
