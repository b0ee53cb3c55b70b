/** What the sample server says who it is: `GET /whoami`, `GET /slow`. */
export interface Answer {
  readonly tenant: {
    readonly id: string
    readonly name: string
    readonly hostnames: readonly string[]
    readonly tagline: string
    readonly load: { readonly tenant: string; readonly sequence: number }
  }
  readonly token: string
  readonly replica: string
}

/** Undefined: it is no such answer, or one of a tenant that no load test has made. */
export function readAnswer(body: string): Answer | undefined {
  let answer: Partial<Answer> | null
  try {
    answer = JSON.parse(body)
  } catch {
    return undefined
  }
  const tenant: Partial<Answer['tenant']> | undefined = answer?.tenant
  const isOne =
    typeof answer?.token === 'string' &&
    typeof answer.replica === 'string' &&
    typeof tenant?.id === 'string' &&
    typeof tenant.name === 'string' &&
    typeof tenant.tagline === 'string' &&
    Array.isArray(tenant.hostnames) &&
    typeof tenant.load?.tenant === 'string' &&
    typeof tenant.load.sequence === 'number'
  return isOne ? (answer as Answer) : undefined
}

/** Of whatever was answered; undefined: it names no tenant. */
export function tenantIdOf(body: string): string | undefined {
  try {
    const id = JSON.parse(body)?.tenant?.id
    return typeof id === 'string' ? id : undefined
  } catch {
    return undefined
  }
}

/** The number of the restart that wrote a token; undefined: it was claimed by a replica, or set by hand. */
export function restartIdOf(token: string): number | undefined {
  const dot = token.indexOf('.')
  if (dot < 1) return undefined
  const id = Number(token.slice(0, dot))
  return Number.isSafeInteger(id) ? id : undefined
}
