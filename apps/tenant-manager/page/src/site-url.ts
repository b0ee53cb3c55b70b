import type { Demo } from '../../src/api.ts'

/**
 * Where a tenant's site is; undefined where its host name makes no address. In the demo the replicas listen on ports
 * of their own, one of which has to be chosen.
 */
export function siteUrl(hostname: string, demo: Demo | undefined): string | undefined {
  const port = demo?.replicas[0]?.port
  const scheme = demo || hostname.endsWith('localhost') ? 'http' : 'https'
  const address = `${scheme}://${hostname}${port === undefined ? '' : `:${port}`}/`
  if (!URL.canParse(address)) return undefined
  const url = new URL(address)
  // A host name that changes when it is read as a part of an address is none.
  return url.hostname === hostname ? url.href : undefined
}
