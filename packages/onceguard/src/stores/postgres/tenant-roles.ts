import { OnceguardError } from "../../core/errors.ts";
import { Connection, checkedSchema, type PostgresPool } from "./connection.ts";
import { give, isolate, letSeeAll, type Run, runner, whoSeesAll } from "./isolate.ts";
import { revokeAll } from "./isolation.ts";
import { migratePostgres } from "./migrate-postgres.ts";
import { ownPool, statementTimeoutMs, withoutSecrets } from "./own-pool.ts";

/** A database role, and a tenant whose rows it sees; `*`: every tenant's. */
export interface TenantRole {
  readonly role: string;
  readonly tenant: string;
}

/** Options of `tenantRoles`: a `url` or a `pool`. */
export interface TenantRolesOptions {
  /** As the owner of the tables, or a superuser. */
  readonly url?: string;
  /** Or your pool, by shape (`pg.Pool`); `close` then leaves it open. */
  readonly pool?: PostgresPool;
  /** The schema of the store. Default `onceguard`. */
  readonly schema?: string;
}

/**
 * Tenants kept apart by PostgreSQL itself: forced row-level security, for roles that do not own the tables. Not for
 * superusers and roles with BYPASSRLS, which PostgreSQL asks nothing.
 */
export interface TenantRoles {
  /**
   * Gives a role what a guard needs, for the rows of this tenant. The first time, isolation begins: whoever has no tenant
   * sees no rows from then on, except the owner.
   *
   * @throws OnceguardError `invalid_option` for a role that isolation could not hold | `store_unusable` for who is not
   *   the owner | `store_unavailable` when the tables stay busy for five seconds
   */
  allow(given: TenantRole): Promise<void>;
  /** False: it was not allowed. A role without any tenant left loses all its rights in the schema. */
  revoke(given: TenantRole): Promise<boolean>;
  /** Null: nothing is isolated. The owner is among them, with `*`. */
  list(): Promise<readonly TenantRole[] | null>;
  close(): Promise<void>;
}

/**
 * Database roles that see the rows of their own tenants only. See docs/tenants.md.
 *
 * @throws OnceguardError `invalid_option` | `invalid_store_url`
 */
export function tenantRoles(options: TenantRolesOptions): TenantRoles {
  if ((options.url === undefined) === (options.pool === undefined))
    throw new OnceguardError("invalid_option", "tenantRoles takes either a url or a pool.", { option: "url" });
  const name = options.url === undefined ? "postgres" : withoutSecrets(options.url);
  const schema = checkedSchema(options.schema ?? "onceguard");
  let opened: Promise<{ pool: PostgresPool; connection: Connection }> | null = null;

  const open = () => {
    opened ??= (async () => {
      const pool = options.pool ?? (await ownPool({ ...options, maxConnections: 1 }, name));
      const timeout = options.pool ? statementTimeoutMs({}) : null;
      return { pool, connection: new Connection({ name, pool, prepare: false, statementTimeoutMs: timeout }) };
    })();
    return opened;
  };

  /** As the owner, also when a superuser does it: what is made here belongs to who owns the tables. */
  async function asOwner<Answer>(work: (run: Run, owner: string) => Promise<Answer>): Promise<Answer> {
    const { connection } = await open();
    await migratePostgres(connection, schema, name);
    return connection.transaction(async (client) => {
      const run = runner(connection, client);
      const [found] = await run<{ owner: string; is_owner: boolean }>(
        `SELECT quote_ident(o.rolname) AS owner, o.rolname = current_user AS is_owner FROM pg_class c
JOIN pg_roles o ON o.oid = c.relowner WHERE c.oid = $1::regclass`,
        [`${schema}.request`],
      );
      if (!found) throw new Error("the table that was migrated is not there");
      // Queries that wait behind a lock that waits itself would be an outage.
      await run("SET LOCAL lock_timeout = '4s'");
      if (!found.is_owner) await run(`SET LOCAL ROLE ${found.owner}`);
      await run(`LOCK TABLE ${schema}.migration IN EXCLUSIVE MODE`); // one at a time; guards only read it
      return work(run, found.owner);
    });
  }

  return {
    allow: ({ role, tenant }) =>
      asOwner(async (run, owner) => {
        const quoted = await checkedRole(run, schema, role, tenant, owner);
        await isolate(run, schema, owner);
        const everyTenant = tenant === "*";
        if (everyTenant) {
          const { roles } = await whoSeesAll(run, schema);
          const all = new Set([...roles.map(({ quoted }) => quoted), owner, quoted]);
          if (all.size > roles.length) await letSeeAll(run, schema, [...all]); // it locks the tables for a moment
          await run(`DELETE FROM ${schema}.tenant_role WHERE role_name = $1`, [role]);
        } else {
          await run(`INSERT INTO ${schema}.tenant_role (role_name, tenant) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [
            role,
            tenant,
          ]);
        }
        await give(run, schema, quoted, everyTenant);
      }),

    revoke: ({ role, tenant }) =>
      asOwner(async (run, owner) => {
        const { isIsolated, roles } = await whoSeesAll(run, schema);
        if (!isIsolated) return false;
        if (tenant === "*") {
          const found = roles.find((one) => one.role === role);
          if (!found) return false;
          if (found.quoted === owner) {
            throw refused(`${role} owns the tables: without every tenant's rows it could not migrate them`);
          }
          await letSeeAll(
            run,
            schema,
            roles.filter((one) => one !== found).map(({ quoted }) => quoted),
          );
        } else {
          const rows = await run(`DELETE FROM ${schema}.tenant_role WHERE role_name = $1 AND tenant = $2 RETURNING 1`, [
            role,
            tenant,
          ]);
          if (rows.length === 0) return false;
        }
        const left = await run(`SELECT 1 FROM ${schema}.tenant_role WHERE role_name = $1`, [role]);
        const [known] = await run<{ quoted: string }>(
          "SELECT quote_ident(rolname) AS quoted FROM pg_roles WHERE rolname = $1",
          [role],
        );
        if (left.length === 0 && known) for (const text of revokeAll(schema, known.quoted)) await run(text);
        return true;
      }),

    list: () =>
      asOwner(async (run) => {
        const { isIsolated, roles } = await whoSeesAll(run, schema);
        if (!isIsolated) return null;
        const own = await run<TenantRole>(
          `SELECT role_name AS role, tenant FROM ${schema}.tenant_role ORDER BY role_name, tenant`,
        );
        return [...roles.map(({ role }) => ({ role, tenant: "*" })), ...own];
      }),

    close: async () => {
      const closing = opened;
      opened = null;
      const found = await closing?.catch(() => null);
      if (found && options.pool === undefined) await found.pool.end?.();
    },
  };
}

/** The role, quoted. @throws OnceguardError `invalid_option` where row-level security would not hold it. */
async function checkedRole(run: Run, schema: string, role: string, tenant: string, owner: string): Promise<string> {
  const [found] = await run<{
    quoted: string;
    rolsuper: boolean;
    rolbypassrls: boolean;
    rolcanlogin: boolean;
    owns: boolean;
  }>(
    `SELECT quote_ident(r.rolname) AS quoted, rolsuper, rolbypassrls, rolcanlogin, pg_has_role(r.oid, c.relowner, 'MEMBER') AS owns
FROM pg_roles r, pg_class c WHERE r.rolname = $1 AND c.oid = $2::regclass`,
    [role, `${schema}.request`],
  );
  if (!found)
    throw refused(`there is no role ${role}; make it: CREATE ROLE ${JSON.stringify(role)} LOGIN PASSWORD ...`);
  const { quoted, rolsuper, rolbypassrls, rolcanlogin, owns } = found;
  if (rolsuper || rolbypassrls)
    throw refused(`${role} ${rolsuper ? "is a superuser" : "has BYPASSRLS"}: PostgreSQL hides no rows from it`);
  if (owns) throw refused(`${role} is the owner ${owner}, or a member of it: it could switch the isolation off`);
  if (tenant === "*") return quoted;
  if (tenant === "") throw refused("the tenant is missing");
  if (!rolcanlogin) throw refused(`${role} cannot log in: name the role that the tenant's processes connect as`);
  const { roles } = await whoSeesAll(run, schema);
  for (const all of roles) {
    const [member] = await run<{ is: boolean }>("SELECT pg_has_role($1::name, $2::name, 'MEMBER') AS is", [
      role,
      all.role,
    ]);
    if (member?.is) throw refused(`${role} sees every tenant, as ${all.role}: revoke that first`);
  }
  return quoted;
}

function refused(problem: string): OnceguardError {
  return new OnceguardError("invalid_option", `${problem}.`, { option: "role" });
}
