import { EnvironmentError } from './environment.ts'

/**
 * What to say of an error that kept a server from starting: mistakes of whoever starts it in a sentence that names the
 * variable, all others as they are, with their stack.
 */
export function explainStart(error: unknown): unknown {
  if (error instanceof EnvironmentError) return error.message
  const { code, syscall, message } = error as NodeJS.ErrnoException
  if (code === 'TENANTRY_ERR_OPTIONS_INVALID') return `REDIS_URL: ${message}`
  return syscall === 'listen' || syscall === 'getaddrinfo' ? `HOST, PORT: ${message}` : error
}
