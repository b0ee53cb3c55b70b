/** Why the first restart of a change was rejected, in words. */
export function causeOf(error: Error | undefined): string {
  const { errors = [] } = (error?.cause ?? {}) as { errors?: readonly Error[] }
  return String(errors[0])
}
