-- No cache: the ids of one token key are in the order of their commits, whichever connection takes them.
create sequence tenantry.restart_ids as bigint cache 1;

-- The history. It does not refer to tenants: it outlives them.
create table tenantry.restarts (
  id bigint primary key,
  token_key text collate "C" not null,
  tenant_id text collate "C",
  -- What it was committed with: 'create', 'change', 'hostnames' or 'delete'; 'restart': nothing else.
  cause text not null,
  requested_by text not null,
  reason text,
  requested_at timestamptz not null default clock_timestamp(),
  written_at timestamptz
);

create index restarts_by_tenant on tenantry.restarts (tenant_id, id desc);
-- A restart of all is part of every tenant's history.
create index restarts_of_all on tenantry.restarts (id desc) where token_key = 'all';
create index restarts_unwritten on tenantry.restarts (token_key, id) where written_at is null;

-- One row for each token key, locked by whoever commits a restart of it.
create table tenantry.current_restarts (
  token_key text collate "C" primary key,
  -- 0 before the first one has its id.
  restart_id bigint not null,
  -- The order in which to write: tenants first, the set of hosts last.
  rank smallint not null generated always as (
    case token_key when 'all' then 1 when 'all-hosts' then 2 else 0 end
  ) stored
);

create index current_restarts_in_order on tenantry.current_restarts (rank, restart_id);
