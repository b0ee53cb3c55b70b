/** How the load test was called, quoted for a shell. Whoever is sent the results is told no password. */
export function commandOf(args: readonly string[]): string {
  return ['pnpm loadtest', ...args.map((arg) => quoted(withoutSecrets(arg)))].join(' ')
}

/** Of a URL: who logs in, and what follows `?`, where Redis's may have a password, too. */
function withoutSecrets(arg: string): string {
  return arg.replace(/(:\/\/)[^/?#]*@/g, '$1***@').replace(/(:\/\/[^?]*\?).*/, '$1***')
}

function quoted(arg: string): string {
  return /^[\w@%+=:,./*-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`
}
