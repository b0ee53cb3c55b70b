import { tenantKey } from '@tenantry/core'
import type { Database } from '../../../src/index.ts'

/**
 * Notes every change in the order of the commits, past the authority: triggers take numbers while what they note is
 * locked, and what is rolled back takes its notes with it.
 */
const CHRONICLE = `
create schema told;
create sequence told.numbers;
create table told.tenants (number bigint default nextval('told.numbers'), tx bigint default txid_current(), id text, born integer, version integer);
create table told.hosts (number bigint default nextval('told.numbers'), tx bigint default txid_current(), hostname text, owner text);
create table told.restarts (number bigint default nextval('told.numbers'), tx bigint default txid_current(), id bigint, key text, op integer);
create function told.tenant() returns trigger language plpgsql as $$ begin
  if tg_op = 'DELETE' then insert into told.tenants (id) values (old.id);
  else insert into told.tenants (id, born, version) values (new.id, (new.config->>'born')::integer, new.version); end if;
  return null; end $$;
create function told.host() returns trigger language plpgsql as $$ begin
  if tg_op = 'DELETE' then insert into told.hosts (hostname) values (old.hostname);
  else insert into told.hosts (hostname, owner) values (new.hostname, new.tenant_id); end if;
  return null; end $$;
create function told.restart() returns trigger language plpgsql as $$ begin
  insert into told.restarts (id, key, op) values (new.id, new.token_key, new.reason::integer);
  return null; end $$;
create trigger told after insert or update or delete on tenantry.tenants for each row execute function told.tenant();
create trigger told after insert or update or delete on tenantry.hostnames for each row execute function told.host();
create trigger told after insert on tenantry.restarts for each row execute function told.restart();`

const FORGET = `
truncate tenantry.tenants, tenantry.hostnames, tenantry.restarts, tenantry.current_restarts,
  told.tenants, told.hosts, told.restarts;
alter sequence tenantry.restart_ids restart;`

interface Noted {
  /** Its place in the order of the commits. */
  readonly number: number
  readonly tx: number
}

export interface TenantState extends Noted {
  readonly id: string
  readonly born: number | null
  /** Null: deleted. */
  readonly version: number | null
}

export interface HostState extends Noted {
  readonly hostname: string
  readonly owner: string | null
}

export interface NotedRestart extends Noted {
  readonly id: number
  readonly key: string
  /** The operation that asked for it. */
  readonly op: number
}

/** What has become of everything, in the order of the commits. */
export interface Chronicle {
  readonly tenants: readonly TenantState[]
  readonly hosts: readonly HostState[]
  readonly restarts: readonly NotedRestart[]
}

export async function keepChronicle(database: Database): Promise<void> {
  await database.script(CHRONICLE)
}

export async function forgetAll(database: Database): Promise<void> {
  await database.script(FORGET)
}

export async function readChronicle(database: Database): Promise<Chronicle> {
  const tenants = `select number::float8, tx::float8, id, born, version from told.tenants order by number`
  const hosts = `select number::float8, tx::float8, hostname, owner from told.hosts order by number`
  const restarts = `select number::float8, tx::float8, id::float8, key, op from told.restarts order by number`
  return {
    tenants: (await database.query<TenantState>(tenants)).rows,
    hosts: (await database.query<HostState>(hosts)).rows,
    restarts: (await database.query<NotedRestart>(restarts)).rows,
  }
}

export function isOf(restart: NotedRestart, id: string): boolean {
  return restart.key === tenantKey(id)
}
