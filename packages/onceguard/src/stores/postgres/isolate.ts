import type { Connection, PostgresClient } from "./connection.ts";
import { EVERY_TENANT, grants, isolationObjects, protectTable, revokeAll, TENANT_TABLES } from "./isolation.ts";

/** One statement of a transaction. */
export type Run = <Row>(text: string, values?: unknown[]) => Promise<Row[]>;

export function runner(connection: Connection, client: PostgresClient): Run {
  return (text, values = []) => connection.ask(client, text, values);
}

/** What is not yet protected: everything the first time, later what a migration has added. Locks no other table. */
export async function isolate(run: Run, schema: string, owner: string): Promise<void> {
  for (const text of isolationObjects(schema)) await run(text);
  const bare = await run<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relname = ANY ($2::text[])
AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY relname`,
    [schema, TENANT_TABLES],
  );
  if (bare.length === 0) return;
  for (const { relname } of bare) for (const text of protectTable(schema, relname, owner)) await run(text);
  const { roles } = await whoSeesAll(run, schema);
  await letSeeAll(
    run,
    schema,
    roles.map(({ quoted }) => quoted),
  );
}

/** After a migration: what it has made is protected as well, and every role has its rights there. */
export function isolateAgain(connection: Connection, schema: string): Promise<void> {
  return connection.transaction(async (client) => {
    const run = runner(connection, client);
    const { isIsolated, owner, roles } = await whoSeesAll(run, schema);
    if (!isIsolated) return;
    await isolate(run, schema, owner);
    const own = await run<{ quoted: string }>(
      `SELECT DISTINCT quote_ident(rolname) AS quoted FROM pg_roles JOIN ${schema}.tenant_role ON role_name = rolname`,
    );
    for (const { quoted } of roles) if (quoted !== owner) await give(run, schema, quoted, true);
    for (const { quoted } of own) await give(run, schema, quoted, false);
  });
}

/** Exactly these rights, whatever the role was given before. */
export async function give(run: Run, schema: string, role: string, forEveryTenant: boolean): Promise<void> {
  for (const text of [...revokeAll(schema, role), ...grants(schema, role, forEveryTenant)]) await run(text);
}

export interface SeesAll {
  readonly role: string;
  readonly quoted: string;
}

/** As the policies themselves say it. */
export async function whoSeesAll(
  run: Run,
  schema: string,
): Promise<{ readonly isIsolated: boolean; readonly owner: string; readonly roles: readonly SeesAll[] }> {
  const rows = await run<SeesAll & { owner: string }>(
    `SELECT r.rolname AS role, quote_ident(r.rolname) AS quoted, quote_ident(o.rolname) AS owner
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_roles o ON o.oid = c.relowner
JOIN pg_roles r ON r.oid = ANY (p.polroles)
WHERE p.polname = $1 AND c.relnamespace = $2::regnamespace AND c.relname = 'request' ORDER BY r.rolname`,
    [EVERY_TENANT, schema],
  );
  return { isIsolated: rows.length > 0, owner: rows[0]?.owner ?? "", roles: rows };
}

export async function letSeeAll(run: Run, schema: string, roles: readonly string[]): Promise<void> {
  for (const name of TENANT_TABLES) {
    await run(`ALTER POLICY ${EVERY_TENANT} ON ${schema}.${name} TO ${roles.join(", ")}`);
  }
}
