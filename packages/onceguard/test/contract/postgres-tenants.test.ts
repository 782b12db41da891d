import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ClaimRequest } from "../../src/core/claim.ts";
import type { Store } from "../../src/core/ports.ts";
import { Connection } from "../../src/stores/postgres/connection.ts";
import { isolateAgain } from "../../src/stores/postgres/isolate.ts";
import { PROTECTED, TENANT_TABLES } from "../../src/stores/postgres/isolation.ts";
import { postgresStore, type TenantRoles, tenantRoles } from "../../src/stores/postgres/postgres-store.ts";
import {
  change,
  claimed,
  claimRequest,
  gateOf,
  HOLD,
  haltOrder,
  made,
  SUCCESS,
} from "../../src/testing/store-contract/fixtures.ts";
import { type LoginRoles, loginRoles } from "../support/login-roles.ts";
import { patientPool } from "../support/patient-pool.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

// Tenants kept apart by PostgreSQL: real roles that log in, and a superuser who only looks on.

let url: string;
let admin: pg.Pool;
let roles: LoginRoles<"owner" | "service" | "acme" | "globex" | "both" | "nobody" | "group">;
let isolation: TenantRoles;

beforeAll(async () => {
  url = await createDatabase();
  admin = patientPool(url, 2);
  roles = await loginRoles(url, "owner", "service", "acme", "globex", "both", "nobody", "group");
  await admin.query(`GRANT CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO ${roles.name.owner}`);
  isolation = tenantRoles({ url: roles.url.owner });
  await isolation.allow({ role: roles.name.service, tenant: "*" });
  await isolation.allow({ role: roles.name.acme, tenant: "acme" });
  await isolation.allow({ role: roles.name.globex, tenant: "globex" });
  for (const tenant of ["acme", "globex"]) await isolation.allow({ role: roles.name.both, tenant });
});

afterAll(async () => {
  await isolation.close();
  await roles.drop();
  await admin.end();
  await dropDatabase(url);
});

async function emptied(): Promise<void> {
  const tables = Object.keys(PROTECTED).filter((name) => name !== "migration" && name !== "secret");
  await admin.query(`TRUNCATE ${tables.map((name) => `onceguard.${name}`).join(", ")} RESTART IDENTITY`);
}

/** A store as this role opens it, for as long as the work takes. */
async function as<Answer>(role: keyof typeof roles.url, work: (store: Store) => Promise<Answer>): Promise<Answer> {
  const store = postgresStore({ url: roles.url[role], maxConnections: 4 });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Plain SQL as this role. */
async function sql(role: keyof typeof roles.url, ...texts: string[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: roles.url[role] });
  await client.connect();
  try {
    let last: pg.QueryResult | undefined;
    for (const text of texts) last = await client.query(text);
    return last as pg.QueryResult;
  } finally {
    await client.end();
  }
}

const codeOf = (error: { code: string }): string => error.code;

/** Something of each tenant in every table that has tenants. */
async function filled(): Promise<void> {
  await emptied();
  await as("service", async (store) => {
    for (const tenant of ["acme", "globex"]) {
      await made(store, "settled", "succeeded", { tenant });
      await made(store, "reviewed", "review", { tenant });
      await claimed(store, "open", { tenant, leaseMs: 1 });
      await store.claim(claimRequest("held", { tenant, start: { state: "held", hold: HOLD, dueInMs: 60_000 } }));
      await store.halt(haltOrder({ tenant, scope: "action", id: "pay" }));
      await store.saveCase({
        tenant,
        version: 0,
        policy: {} as never,
        case: { id: "case", state: "OPEN" } as never,
      });
      const turn = {
        serialized: true,
        recordId: "order:T",
        gate: gateOf({ turn: { recordId: "order:T", placeMs: 60_000 } }),
      };
      await claimed(store, "turn-1", { tenant, ...turn });
      expect((await store.claim(claimRequest("turn-2", { tenant, ...turn }))).kind).toBe("busy");
    }
  });
  for (const name of TENANT_TABLES) {
    const { rows } = await admin.query(`SELECT tenant FROM onceguard.${name} GROUP BY tenant ORDER BY tenant`);
    expect(rows, name).toEqual([{ tenant: "acme" }, { tenant: "globex" }]);
  }
}

test("no table of the schema is forgotten: each is in the list, and each with a tenant is protected, by force", async () => {
  const { rows } = await admin.query<{ name: string; tenant: boolean; secured: boolean; forced: boolean }>(
    `SELECT c.relname AS name, c.relrowsecurity AS secured, c.relforcerowsecurity AS forced,
  EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant') AS tenant
FROM pg_class c WHERE c.relnamespace = 'onceguard'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
  );
  const others = rows.filter(({ name }) => name !== "tenant_role");
  expect(others.map(({ name }) => name).sort()).toEqual(Object.keys(PROTECTED).sort());
  for (const { name, tenant, secured, forced } of others) {
    expect([name, tenant, secured, forced]).toEqual([name, PROTECTED[name]?.hasTenant, tenant, tenant]);
  }
});

test("a tenant's role has the rights that are named, and no others", async () => {
  const rightsOf = async (role: string) => {
    const { rows } = await admin.query<{ name: string; rights: string[] }>(
      `SELECT c.relname AS name, array_agg(DISTINCT one ORDER BY one) AS rights
FROM pg_class c, unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) AS one
WHERE c.relnamespace = 'onceguard'::regnamespace AND c.relkind IN ('r', 'S') AND has_table_privilege($1, c.oid, one) GROUP BY c.relname`,
      [role],
    );
    return Object.fromEntries(rows.map(({ name, rights }) => [name, rights.join(", ")]));
  };
  const rights = {
    request: "INSERT, SELECT, UPDATE",
    log: "INSERT, SELECT",
    halt: "INSERT, SELECT, UPDATE",
    turn: "DELETE, INSERT, SELECT, UPDATE",
    finality_case: "INSERT, SELECT, UPDATE",
    notification: "DELETE, INSERT, SELECT, UPDATE",
    gate: "INSERT, SELECT, UPDATE",
    epoch: "SELECT",
    migration: "SELECT",
    secret: "SELECT",
  };
  expect(await rightsOf(roles.name.acme)).toEqual(rights);
  expect(await rightsOf(roles.name.service)).toEqual({ ...rights, epoch: "INSERT, SELECT, UPDATE" });
  expect(await rightsOf(roles.name.nobody)).toEqual({});
  for (const text of [
    "CREATE TABLE onceguard.mine (id int)",
    "DROP TABLE onceguard.turn",
    "ALTER TABLE onceguard.request DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE onceguard.request NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY onceguard_own_tenant ON onceguard.request",
    `INSERT INTO onceguard.tenant_role VALUES ('${roles.name.acme}', 'globex')`,
    "SELECT * FROM onceguard.tenant_role",
    "CREATE OR REPLACE FUNCTION onceguard.my_tenants() RETURNS text[] LANGUAGE sql AS $$ SELECT '{globex}'::text[] $$",
    "UPDATE onceguard.log SET actor = 'somebody else'",
    "DELETE FROM onceguard.log",
    "DELETE FROM onceguard.request",
    "TRUNCATE onceguard.request",
    "UPDATE onceguard.epoch SET ended_at = 1",
    "UPDATE onceguard.secret SET secret = ''",
  ]) {
    expect(await sql("acme", text).catch(codeOf), text).toBe("42501");
  }
});

test("in every table a tenant's role sees, changes and removes its own rows only, and makes none for another", async () => {
  await filled();
  for (const name of TENANT_TABLES) {
    const table = `onceguard.${name}`;
    const { rows } = await admin.query(`SELECT * FROM ${table} ORDER BY 1, 2`);
    const seen = async (role: keyof typeof roles.url) =>
      (await sql(role, `SELECT DISTINCT tenant FROM ${table} ORDER BY 1`)).rows.map(({ tenant }) => tenant);
    expect(await seen("acme"), name).toEqual(["acme"]);
    expect(await seen("globex"), name).toEqual(["globex"]);
    expect(await seen("both"), name).toEqual(["acme", "globex"]);
    expect(await seen("service"), name).toEqual(["acme", "globex"]);
    expect(await seen("nobody").catch(codeOf), name).toBe("42501");

    const rights = PROTECTED[name]?.rights ?? "";
    const column = name === "log" ? "state_before" : "tenant";
    const changed = `UPDATE ${table} SET ${column} = ${name === "log" ? "NULL" : "tenant"}`;
    expect((await sql("acme", "BEGIN", changed)).rowCount, name).toBe(
      rows.filter(({ tenant }) => tenant === "acme").length,
    );
    expect((await sql("acme", "BEGIN", `${changed} WHERE tenant = 'globex'`)).rowCount, name).toBe(0);
    if (name !== "log") {
      const given = await sql("acme", "BEGIN", `UPDATE ${table} SET tenant = 'globex'`).catch(codeOf);
      expect(given, name).toBe("42501");
    }
    if (rights.includes("DELETE")) {
      expect((await sql("acme", "BEGIN", `DELETE FROM ${table} WHERE tenant = 'globex'`)).rowCount, name).toBe(0);
    }
    // Another's row, as it is and so in conflict with it: refused before anybody looks whether it is there.
    const columns = Object.keys(rows[0]).filter((one) => one !== "seq");
    const copy = async (tenant: string, fresh: boolean) => {
      const row = rows.find((one) => one.tenant === tenant);
      const values = columns.map((one) =>
        fresh && /(^|_)id$/.test(one) && row[one] !== null ? `${row[one]}-x` : row[one],
      );
      const places = columns.map((_, n) => `$${n + 1}`).join(", ");
      const client = new pg.Client({ connectionString: roles.url.acme });
      await client.connect();
      try {
        return await client.query(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${places})`, values);
      } finally {
        await client.end();
      }
    };
    expect(await copy("globex", false).catch(codeOf), name).toBe("42501");
    expect(await copy("globex", true).catch(codeOf), name).toBe("42501");
    expect((await admin.query(`SELECT * FROM ${table} ORDER BY 1, 2`)).rows, name).toEqual(rows);
  }
});

test("the store under a tenant's role: all its verbs, on its own rows, as if there were no others", async () => {
  await filled();
  const routes = ["operator", "security", "data_owner", "domain_expert"] as const;
  await as("acme", async (store) => {
    const tenantsOf = (rows: readonly { tenant: string }[]) => [...new Set(rows.map(({ tenant }) => tenant))];
    expect(await store.find("globex", "settled")).toBeNull();
    expect(await store.log("globex", "settled")).toEqual([]);
    expect(tenantsOf(await store.list({ limit: 100 }))).toEqual(["acme"]);
    expect(tenantsOf(await store.searchLog({ limit: 100 }))).toEqual(["acme"]);
    expect(tenantsOf(await store.halts({ limit: 100 }))).toEqual(["acme"]);
    expect(await store.haltFor({ tenant: "globex", action: "pay", runId: null })).toBeNull();
    expect(await store.findCase("globex", "case")).toBeNull();
    expect(await store.epoch()).toBeNull();
    await expect.poll(async () => tenantsOf(await store.due({ actions: ["refund"], limit: 100 }))).toEqual(["acme"]);
    const news = await store.takeNotifications({ routes, limit: 100, leaseMs: 1 });
    expect(tenantsOf(news.map(({ notification }) => notification))).toEqual(["acme"]);
    for (const { notification } of news) await store.settleNotification(notification.id, null);
    expect(await store.resume("globex", "action", "pay", { actor: "a", reason: "r" })).toBeNull();
    expect(await store.resume("acme", "action", "pay", { actor: "a", reason: "r" })).toMatchObject({ tenant: "acme" });
    // The longer way of claims and transitions: a hold, a turn, a halt that comes with a failure.
    await made(store, "mine", "review");
    await made(store, "forgotten", "expired");
    expect((await store.log("acme", "forgotten")).every(({ before, after }) => before === null && after === null)).toBe(
      true,
    );
    await store.append({ ...(await store.log("acme", "mine"))[0], event: "replayed" } as never);
    expect((await store.log("acme", "mine")).at(-1)?.event).toBe("replayed");
  });
  const { rows } = await admin.query("SELECT count(*)::int AS n FROM onceguard.notification WHERE tenant = 'globex'");
  expect(rows[0].n).toBeGreaterThan(0);
});

test("claims for another tenant are refused alike whether the id is there or not, and leave their neighbours in a batch alone", async () => {
  await filled();
  await as("acme", async (store) => {
    const refusal = (request: ClaimRequest) => store.claim(request).catch((error) => [error.code, error.message]);
    const there = await refusal(claimRequest("settled", { tenant: "globex" }));
    expect(there).toEqual(["store_unusable", expect.stringContaining("the rows of this tenant")]);
    expect(await refusal(claimRequest("not there", { tenant: "globex" }))).toEqual(there);
    const gate = gateOf({ dedup: { recordId: "order:A1", windowMs: 60_000, limit: 1, hold: null, holdMs: 0 } });
    expect(await refusal(claimRequest("gated", { tenant: "globex", gate }))).toEqual(there);

    // The same ids, in one tenant's name and in another's, all at once: they share statements.
    const asked = Array.from({ length: 60 }, (_, n) =>
      store.claim(claimRequest(`n${n >> 1}`, { tenant: n % 2 ? "acme" : "globex" })).then(
        ({ kind }) => kind,
        (error) => error.code,
      ),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter((_, n) => n % 2)).toEqual(Array(30).fill("claimed"));
    expect(answers.filter((_, n) => !(n % 2))).toEqual(Array(30).fill("store_unusable"));
  });
  await as("service", async (store) => {
    expect(await store.find("globex", "n1")).toBeNull();
    const receipt = await store.find("globex", "open");
    await as("acme", async (other) => {
      const stolen = other.apply(change(receipt as never, SUCCESS));
      expect(await stolen).toEqual({ kind: "stale", receipt: null });
      const renewal = { tenant: "globex", requestId: "open", fencingToken: 1, leaseMs: 60_000 };
      expect(await other.renew([renewal])).toEqual([renewal]);
    });
    expect(await store.find("globex", "open")).toMatchObject({ state: "running", version: receipt?.version });
  });
});

test("an id that names another tenant's notification cannot be taken", async () => {
  await filled();
  const insert = (id: string, tenant: string) =>
    `INSERT INTO onceguard.notification (id, kind, route, tenant, at, due_at, deliveries) VALUES ('${id}', 'held', 'operator', '${tenant}', 1, 1, 0)`;
  expect(await sql("acme", "BEGIN", insert("held:globex:there:1", "acme")).catch(codeOf)).toBe("42501");
  expect((await sql("acme", "BEGIN", insert("held:acme:there:1", "acme"))).rowCount).toBe(1);
  for (const tenant of ["acme", "a:b/c d", "Zoë & Söhne", "🦆'%", "a_b.c!~*()-'"]) {
    const { rows } = await admin.query("SELECT onceguard.tenant_in_id($1) AS id", [tenant]);
    expect(rows[0].id).toBe(encodeURIComponent(tenant));
  }
});

test("nothing that a session can say makes it see more", async () => {
  await filled();
  await admin.query(`GRANT ${roles.name.globex} TO ${roles.name.acme}`);
  const count = "SELECT count(*)::int AS n FROM onceguard.request WHERE tenant <> 'acme'";
  const seen = async (...before: string[]) => (await sql("acme", ...before, count)).rows[0].n;
  try {
    expect(await seen()).toBe(0);
    // A member of another tenant's role: who logged in counts, not whose hat it wears.
    expect(await seen(`SET ROLE ${roles.name.globex}`)).toBe(0);
    expect(
      await seen(
        "SET search_path = pg_temp, pg_catalog, onceguard",
        "CREATE TEMP TABLE tenant_role AS SELECT 'globex' AS tenant, session_user AS role_name",
      ),
    ).toBe(0);
    expect(
      await seen(
        "CREATE FUNCTION pg_temp.array_agg(text) RETURNS text[] LANGUAGE sql AS $$ SELECT '{globex}'::text[] $$",
        "SET search_path = pg_temp, onceguard, pg_catalog",
      ),
    ).toBe(0);
    // A function that would tell what it is shown is shown its own rows alone, however cheap it says it is.
    const leak =
      "CREATE FUNCTION pg_temp.tell(text) RETURNS boolean COST 0.0001 LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$";
    const told: string[] = [];
    const client = new pg.Client({ connectionString: roles.url.acme });
    client.on("notice", ({ message }) => told.push(String(message)));
    await client.connect();
    await client.query(leak);
    await client.query("SELECT 1 FROM onceguard.request WHERE pg_temp.tell(tenant)");
    await client.end();
    expect(new Set(told)).toEqual(new Set(["acme"]));

    for (const text of [
      `SET ROLE ${roles.name.service}`,
      `SET ROLE ${roles.name.owner}`,
      `SET SESSION AUTHORIZATION ${roles.name.globex}`,
      "SET SESSION AUTHORIZATION postgres",
    ]) {
      expect(await sql("acme", text).catch(codeOf), text).toBe("42501");
    }
    // Asks PostgreSQL for rows without a filter: it answers with an error.
    expect(await sql("acme", "SET row_security = off", count).catch(codeOf)).toBe("42501");
  } finally {
    await admin.query(`REVOKE ${roles.name.globex} FROM ${roles.name.acme}`);
  }
});

test("the owner is bound as well: without its place in the policy it sees nothing, and gets it back", async () => {
  await filled();
  const count = "SELECT count(*)::int AS n FROM onceguard.request";
  const all = (await admin.query(count)).rows[0].n;
  const seen = async () => (await sql("owner", count)).rows[0].n;
  expect(await seen()).toBe(all);
  await sql("owner", `ALTER POLICY onceguard_every_tenant ON onceguard.request TO ${roles.name.service}`);
  expect(await seen()).toBe(0);
  await isolation.allow({ role: roles.name.service, tenant: "*" });
  expect(await seen()).toBe(all);
  // And a line of the log is not the owner's to change.
  const forge = "UPDATE onceguard.log SET actor = 'somebody else', state_before = '{}'";
  expect(await sql("owner", forge).catch(codeOf)).toBe("42501");
});

test("an older schema is left to its owner, with words that say so", async () => {
  const { rows } = await admin.query("DELETE FROM onceguard.migration RETURNING *");
  await expect(as("acme", (store) => store.open())).rejects.toMatchObject({
    code: "store_unusable",
    message: expect.stringContaining("onceguard migrate"),
  });
  for (const { number, name, breaking } of rows)
    await admin.query("INSERT INTO onceguard.migration VALUES ($1, $2, $3)", [number, name, breaking]);
  expect(await as("acme", (store) => store.open())).toMatchObject({ schemaVersion: rows.length });
});

describe("who may have a tenant", () => {
  const refused = (role: string, tenant: string) => isolation.allow({ role, tenant }).catch((error) => error.message);

  test("is listed, is taken back, and has no rights at all when it has no tenant left", async () => {
    const { owner, service, acme, globex, both, nobody } = roles.name;
    const listed = [
      ...[owner, service].sort().map((role) => ({ role, tenant: "*" })),
      { role: acme, tenant: "acme" },
      { role: both, tenant: "acme" },
      { role: both, tenant: "globex" },
      { role: globex, tenant: "globex" },
    ];
    expect(await isolation.list()).toEqual(listed);
    await isolation.allow({ role: nobody, tenant: "acme" });
    await isolation.allow({ role: nobody, tenant: "acme" });
    expect(await isolation.revoke({ role: nobody, tenant: "globex" })).toBe(false);
    expect(await isolation.revoke({ role: nobody, tenant: "*" })).toBe(false);
    expect((await sql("nobody", "SELECT 1 FROM onceguard.secret")).rowCount).toBe(1);
    expect(await isolation.revoke({ role: nobody, tenant: "acme" })).toBe(true);
    expect(await sql("nobody", "SELECT 1 FROM onceguard.secret").catch(codeOf)).toBe("42501");
    await isolation.allow({ role: nobody, tenant: "acme" });
    await isolation.allow({ role: nobody, tenant: "*" });
    expect(await isolation.revoke({ role: nobody, tenant: "*" })).toBe(true);
    expect(await sql("nobody", "SELECT 1 FROM onceguard.secret").catch(codeOf)).toBe("42501");
    expect(await isolation.list()).toEqual(listed);
  });

  test("nobody whom it would not bind", async () => {
    const { owner, service, nobody, group } = roles.name;
    expect(await refused("no such role", "acme")).toContain("there is no role");
    expect(await refused("postgres", "acme")).toContain("superuser");
    expect(await refused(owner, "acme")).toContain("is the owner");
    expect(await refused(service, "acme")).toContain("sees every tenant");
    await admin.query(`ALTER ROLE ${group} NOLOGIN; GRANT ${owner} TO ${nobody}`);
    expect(await refused(group, "acme")).toContain("cannot log in");
    expect(await refused(nobody, "acme")).toContain("member of it");
    await admin.query(`REVOKE ${owner} FROM ${nobody}; GRANT ${service} TO ${nobody}`);
    expect(await refused(nobody, "acme")).toContain("sees every tenant, as");
    await admin.query(`REVOKE ${service} FROM ${nobody}; ALTER ROLE ${nobody} BYPASSRLS`);
    expect(await refused(nobody, "acme")).toContain("BYPASSRLS");
    await admin.query(`ALTER ROLE ${nobody} NOBYPASSRLS`);
    await expect(isolation.revoke({ role: owner, tenant: "*" })).rejects.toThrow("owns the tables");
    const asAcme = tenantRoles({ url: roles.url.acme });
    await expect(asAcme.allow({ role: nobody, tenant: "acme" })).rejects.toMatchObject({ code: "store_unusable" });
    await asAcme.close();
  });

  test("what a migration adds is protected like the rest, and a superuser who sets it up leaves it to the owner", async () => {
    const schema = "later";
    const byOwner = tenantRoles({ url: roles.url.owner, schema });
    expect(await byOwner.list()).toBeNull();
    expect(await byOwner.revoke({ role: roles.name.acme, tenant: "acme" })).toBe(false);
    await byOwner.close();
    const bySuperuser = tenantRoles({ pool: admin, schema });
    await bySuperuser.allow({ role: roles.name.acme, tenant: "acme" });
    const { rows: owned } = await admin.query(
      `SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname = 'later'
UNION SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'later'::regnamespace`,
    );
    expect(owned).toEqual([{ owner: roles.name.owner }]);
    await bySuperuser.allow({ role: roles.name.service, tenant: "*" });

    await admin.query(`CREATE TABLE later.new (LIKE later.turn INCLUDING ALL); DROP TABLE later.turn;
ALTER TABLE later.new RENAME TO turn; ALTER TABLE later.turn OWNER TO ${roles.name.owner}`);
    const connection = new Connection({ name: "later", pool: admin, prepare: false, statementTimeoutMs: null });
    await isolateAgain(connection, '"later"');
    const { rows } = await admin.query(
      `SELECT policyname AS policy, roles::text[] FROM pg_policies WHERE schemaname = 'later' AND tablename = 'turn' ORDER BY 1`,
    );
    expect(rows).toEqual([
      { policy: "onceguard_every_tenant", roles: expect.arrayContaining([roles.name.owner, roles.name.service]) },
      { policy: "onceguard_own_tenant", roles: ["public"] },
    ]);
    const insert =
      "INSERT INTO later.turn (record_id, tenant, request_id, seq, expires_at) VALUES ('r', 'acme', 'i', 1, 1)";
    for (const role of ["acme", "service"] as const) expect((await sql(role, "BEGIN", insert)).rowCount).toBe(1);
    await bySuperuser.close();
    await admin.query("DROP SCHEMA later CASCADE");
  });
});
