/** A table of the store's, as a guard's role may use it. */
interface Protected {
  /** Whether each row belongs to a tenant, and is seen by that tenant's roles only. */
  readonly hasTenant: boolean;
  readonly rights: string;
  /** What a role that works for every tenant may do as well. */
  readonly rightsForAll?: string;
}

/**
 * What a guard needs, and no more: nothing is ever deleted from `request`, and of a line of the log nothing is changed but
 * the states that retention takes. A table that is not here is nobody's but the owner's.
 */
export const PROTECTED: Readonly<Record<string, Protected>> = {
  request: { hasTenant: true, rights: "SELECT, INSERT, UPDATE" },
  log: { hasTenant: true, rights: "SELECT, INSERT, UPDATE (state_before, state_after)" },
  halt: { hasTenant: true, rights: "SELECT, INSERT, UPDATE" },
  turn: { hasTenant: true, rights: "SELECT, INSERT, UPDATE, DELETE" },
  finality_case: { hasTenant: true, rights: "SELECT, INSERT, UPDATE" },
  notification: { hasTenant: true, rights: "SELECT, INSERT, UPDATE, DELETE" },
  gate: { hasTenant: false, rights: "SELECT, INSERT, UPDATE" },
  // A restore is everybody's: one tenant cannot begin it, or end it, for the others.
  epoch: { hasTenant: false, rights: "SELECT", rightsForAll: "INSERT, UPDATE" },
  migration: { hasTenant: false, rights: "SELECT" },
  secret: { hasTenant: false, rights: "SELECT" },
};

export const TENANT_TABLES: readonly string[] = Object.keys(PROTECTED).filter((name) => PROTECTED[name]?.hasTenant);

/** The policy whose roles see every tenant. Its expression is `true`, so that those roles pay nothing for the others. */
export const EVERY_TENANT = "onceguard_every_tenant";

/**
 * Where it is written which role is for which tenant. Who asks is `session_user`: no SET changes it, as SET ROLE does
 * `current_user`. Only the owner writes here, and roles read it through the function alone.
 *
 * @param schema a quoted identifier.
 */
export function isolationObjects(schema: string): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${schema}.tenant_role (
  role_name text NOT NULL,
  tenant    text NOT NULL,
  PRIMARY KEY (role_name, tenant)
)`,
    // In plpgsql, which keeps its plan: every statement asks several times, and each is half as dear as in SQL.
    `CREATE OR REPLACE FUNCTION ${schema}.my_tenants() RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN RETURN ARRAY(SELECT tenant FROM ${schema}.tenant_role WHERE role_name = session_user); END
$$`,
    // As encodeURIComponent has it: the id of a notification names its tenant.
    `CREATE OR REPLACE FUNCTION ${schema}.tenant_in_id(tenant text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT COALESCE(pg_catalog.string_agg(CASE WHEN letter ~ '^[A-Za-z0-9_.!~*''()-]$' THEN letter ELSE
    pg_catalog.regexp_replace(pg_catalog.upper(pg_catalog.encode(pg_catalog.convert_to(letter, 'UTF8'), 'hex')), '(..)', '%\\1', 'g')
  END, '' ORDER BY place), '')
  FROM pg_catalog.regexp_split_to_table(tenant, '') WITH ORDINALITY AS letters (letter, place)
$$`,
    `REVOKE ALL ON ${schema}.tenant_role FROM PUBLIC`,
    `REVOKE ALL ON FUNCTION ${schema}.my_tenants(), ${schema}.tenant_in_id(text) FROM PUBLIC`,
  ];
}

/** Forced, so that it binds the owner as well. The sub-select is asked once per statement, and not once per row. */
export function protectTable(schema: string, name: string, owner: string): readonly string[] {
  const table = `${schema}.${name}`;
  const statements = [
    `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
    `CREATE POLICY ${EVERY_TENANT} ON ${table} TO ${owner} USING (true) WITH CHECK (true)`,
    `CREATE POLICY onceguard_own_tenant ON ${table} USING (tenant = ANY ((SELECT ${schema}.my_tenants())::text[]))`,
  ];
  // Whoever it is: a line of the log forgets its states, and changes in nothing else.
  if (name === "log")
    statements.push(`CREATE POLICY onceguard_forgets_only ON ${table} AS RESTRICTIVE FOR UPDATE
  USING (true) WITH CHECK (state_before IS NULL AND state_after IS NULL)`);
  // Ids are unique across tenants: one of another's name would say whether that is there, and keep it from being told.
  if (name === "notification")
    statements.push(`CREATE POLICY onceguard_own_id ON ${table} AS RESTRICTIVE FOR INSERT
  WITH CHECK (split_part(id, ':', 2) = ${schema}.tenant_in_id(tenant))`);
  return statements;
}

/** @param role a quoted identifier. */
export function grants(schema: string, role: string, forEveryTenant: boolean): readonly string[] {
  return [
    `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
    `GRANT EXECUTE ON FUNCTION ${schema}.my_tenants(), ${schema}.tenant_in_id(text) TO ${role}`,
    ...Object.entries(PROTECTED).flatMap(([name, { rights, rightsForAll }]) =>
      [rights, forEveryTenant ? rightsForAll : undefined]
        .filter((one) => one !== undefined)
        .map((one) => `GRANT ${one} ON ${schema}.${name} TO ${role}`),
    ),
  ];
}

/** Whatever it was given, here or by hand. */
export function revokeAll(schema: string, role: string): readonly string[] {
  return [
    `REVOKE ALL ON ALL TABLES IN SCHEMA ${schema} FROM ${role}`,
    `REVOKE ALL ON ALL SEQUENCES IN SCHEMA ${schema} FROM ${role}`,
    `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${schema} FROM ${role}`,
    `REVOKE ALL ON SCHEMA ${schema} FROM ${role}`,
  ];
}
