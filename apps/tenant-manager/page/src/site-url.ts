import type { Demo } from '../../src/api.ts'

/** What is known of where sites are. */
export interface Sites {
  readonly demo: Demo | undefined
  /** An address in which `{hostname}` stands for the host name; undefined: the manager was told none. */
  readonly siteUrl: string | undefined
}

/**
 * Where a tenant's site is; undefined where its host name makes no address. In the demo the replicas listen on ports
 * of their own, one of which has to be chosen.
 */
export function siteUrl(hostname: string, sites: Sites): string | undefined {
  const plain = `http://${hostname}/`
  // A host name that changes when it is read as a part of an address is none.
  if (!URL.canParse(plain) || new URL(plain).hostname !== hostname) return undefined
  const address = (sites.siteUrl ?? usualUrl(hostname, sites.demo)).replaceAll('{hostname}', () => hostname)
  return URL.canParse(address) ? new URL(address).href : undefined
}

function usualUrl(hostname: string, demo: Demo | undefined): string {
  const port = demo?.replicas[0]?.port
  const scheme = demo || hostname.endsWith('localhost') ? 'http' : 'https'
  return `${scheme}://{hostname}${port === undefined ? '' : `:${port}`}/`
}
