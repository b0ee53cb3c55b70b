-- Ids, host names and token keys are compared by their bytes, whatever the database's language is.
create table tenantry.tenants (
  id text collate "C" primary key,
  name text not null,
  -- Both of them, as they are searched: how Postgres itself treats upper and lower case depends on the database's locale.
  search_text text not null,
  config jsonb not null,
  version integer not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

-- A host name belongs to one tenant.
create table tenantry.hostnames (
  hostname text collate "C" primary key,
  tenant_id text collate "C" not null references tenantry.tenants on delete cascade
);

create index hostnames_by_tenant on tenantry.hostnames (tenant_id, hostname);
