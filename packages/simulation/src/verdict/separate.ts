import type { Judged } from './judged.ts'

/**
 * G9: a request is given the tenant that it names, or none; what names no host, or more than one, is refused with 400.
 * By a host: a tenant that says, as it was read, that the host is its own.
 */
export function judgeSeparation({ world, request, outcome }: Judged): void {
  const { name, question } = request
  const { site, code } = outcome
  const isRefused = code === 'TENANTRY_ERR_HOST_INVALID'
  const mustBeRefused = question.kind === 'host' && question.hostname === undefined
  if (isRefused !== mustBeRefused) {
    world.violate(
      'G9',
      `${name} was given ${site?.name ?? code}, for what is ${mustBeRefused ? 'no' : 'a'} host`,
    )
  }
  if (site === undefined) return
  const isNamed =
    question.kind === 'tenant'
      ? site.state.id === question.id
      : question.hostname !== undefined && site.state.hostnames?.includes(question.hostname) === true
  if (!isNamed) world.violate('G9', `${name} was given ${site.name}, which it does not name`)
}
