import { type Check, ok, problem, warning } from "./check.ts";

const SCHEMA = "onceguard";

interface Role {
  readonly name: string;
  /** Row-level security asks it nothing. */
  readonly isFree: boolean;
  readonly isIsolated: boolean;
  readonly seesAll: boolean;
}

/**
 * Whether PostgreSQL gives the role of this URL any rows. Without a tenant it may connect and write, and finds nothing of
 * what was done.
 */
export async function checkRole(url: string): Promise<Check[]> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 5_000 });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Role>(
      `SELECT current_user AS name, r.rolsuper OR r.rolbypassrls AS "isFree", c.relrowsecurity AS "isIsolated",
  EXISTS (SELECT 1 FROM pg_policy p, unnest(p.polroles) AS given WHERE p.polrelid = c.oid
    AND p.polname = 'onceguard_every_tenant' AND given <> 0 AND pg_has_role(current_user, given, 'USAGE')) AS "seesAll"
FROM pg_roles r JOIN pg_class c ON c.oid = to_regclass($1) WHERE r.rolname = current_user`,
      [`${SCHEMA}.request`],
    );
    const [role] = rows;
    if (!role?.isIsolated) return [];
    if (role.isFree) {
      return [
        warning(
          "role",
          `${role.name} is a superuser, or has BYPASSRLS`,
          "Tenants are isolated here, and PostgreSQL does not hold this role to it.",
          "Connect as a role of its own: onceguard isolate --role ROLE --tenant '*'",
        ),
      ];
    }
    if (role.seesAll) return [ok("role", `${role.name} has the rows of every tenant`)];
    const tenants = await tenantsOf(client);
    if (tenants.length > 0)
      return [ok("role", `${role.name} has the rows of ${tenants.slice(0, 5).join(", ")}, and no others`)];
    return [
      problem(
        "role",
        `${role.name} has no tenant`,
        "Row-level security shows it no rows, and lets it write none: nothing can be guarded.",
        `As the owner of the tables: onceguard isolate --role ${role.name} --tenant TENANT`,
      ),
    ];
  } finally {
    await client.end();
  }
}

interface Asked {
  query<Row>(text: string): Promise<{ rows: Row[] }>;
}

async function tenantsOf(client: Asked): Promise<readonly string[]> {
  try {
    const { rows } = await client.query<{ tenants: string[] }>(`SELECT ${SCHEMA}.my_tenants() AS tenants`);
    return rows[0]?.tenants ?? [];
  } catch {
    return []; // not even the right to ask
  }
}
