import '@tenantry/fastify'
import '@tenantry/express'

// JavaScript tells no types: what `request.tenant` is, is not checked here. In TypeScript, name yours.
declare module '@tenantry/fastify' {
  interface TenantryTypes {
    // biome-ignore lint/suspicious/noExplicitAny: see above
    tenant: any
  }
}

declare module '@tenantry/express' {
  interface TenantryTypes {
    // biome-ignore lint/suspicious/noExplicitAny: see above
    tenant: any
  }
}
