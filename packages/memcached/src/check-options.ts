import { invalidOption } from './invalid-option.ts'
import { MAX_PREFIX_BYTES, PLAIN_NAME } from './key-name.ts'
import { received } from './received.ts'

/** More would only be a mistake of units. */
export const MAX_COMMAND_TIMEOUT_MS = 60_000

/** @throws TENANTRY_ERR_OPTIONS_INVALID */
export function checkOptions(prefix: unknown, commandTimeoutMs: unknown, tls: unknown): void {
  const isName = typeof prefix === 'string' && PLAIN_NAME.test(prefix)
  if (!isName || prefix.length > MAX_PREFIX_BYTES) {
    throw invalidOption(
      `Expected prefix to be a string of at most ${MAX_PREFIX_BYTES} printable ASCII characters, without spaces, ` +
        `got ${received(prefix)}`,
    )
  }
  const isNumber = typeof commandTimeoutMs === 'number'
  if (!isNumber || !(commandTimeoutMs >= 1 && commandTimeoutMs <= MAX_COMMAND_TIMEOUT_MS)) {
    throw invalidOption(
      `Expected commandTimeoutMs to be a number from 1 to ${MAX_COMMAND_TIMEOUT_MS}, got ${received(commandTimeoutMs)}`,
    )
  }
  // false or null might be meant to turn TLS off, and the client would take either for on.
  if (tls !== undefined && (typeof tls !== 'object' || tls === null || Array.isArray(tls))) {
    const got = typeof tls === 'string' ? 'a string' : received(tls)
    throw invalidOption(`Expected tls to be an object, or to be left out, got ${got}`)
  }
}

/** @throws TENANTRY_ERR_OPTIONS_INVALID */
export function checkIsObject(options: unknown): void {
  if (typeof options === 'object' && options !== null) return
  const got = typeof options === 'string' ? 'a string' : received(options)
  throw invalidOption(`Expected the options to be an object, or to be left out, got ${got}`)
}
