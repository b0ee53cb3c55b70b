import { show } from '@tenantry/app-support'

/** A tenant that cannot be read: where, what was expected, what was received. For logs, not for strangers. */
export class TenantInvalidError extends Error {
  override readonly name = 'TenantInvalidError'

  /** @param path where, such as `tenants.acme.theme.accent` */
  constructor(path: string, options: { expected: string; received: unknown; cause?: unknown }) {
    const { expected, received, cause } = options
    super(`${path}: expected ${expected}, got ${received === undefined ? 'nothing' : show(received)}`, {
      cause,
    })
  }
}
