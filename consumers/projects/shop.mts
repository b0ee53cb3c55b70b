/** What a tenant is in these projects, told once. */
export interface Shop {
  readonly name: string
  close(): Promise<void>
}

declare module '@tenantry/express' {
  interface TenantryTypes {
    tenant: Shop
  }
}

declare module '@tenantry/fastify' {
  interface TenantryTypes {
    tenant: Shop
  }
}
