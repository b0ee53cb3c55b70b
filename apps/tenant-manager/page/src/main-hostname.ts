/** The host name that stands for all of a tenant's: the shortest, and of those that are as short, the first. */
export function mainHostname(hostnames: readonly string[]): string | undefined {
  return [...hostnames].sort((a, b) => a.length - b.length || (a < b ? -1 : 1))[0]
}
