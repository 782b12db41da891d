import { readFileSync } from "node:fs";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { type PostgresPool, postgresStore, tenantRoles } from "../../src/stores/postgres/postgres-store.ts";
import { statements } from "../../src/stores/postgres/statements.ts";
import { fakeClock, type StoreUnderTest, storeContractCases } from "../../src/testing/index.ts";
import { type LoginRoles, loginRoles } from "../support/login-roles.ts";
import { partition } from "../support/partition.ts";
import { patientPool } from "../support/patient-pool.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

// docs/scaling.md says which databases that speak PostgreSQL's protocol could serve which of our statements. Here is what
// holds it to the statements that are really sent: a new construct fails until the page says what it means for each of them.
// The store's contract sends them; on tables that are partitioned by the tenant, for the page says that this goes, too.

/** What one of the engines lacks, or has with limits, by how it looks in a statement. The names are those of the page. */
const CONSTRUCTS = {
  "a `WITH` that writes": /\bAS \( (?:INSERT|UPDATE|DELETE)\b/,
  "two writes of one table in a statement":
    /\b(?:INSERT INTO|UPDATE|DELETE FROM) (\S+) (?=[^;]*\bAS \( (?:INSERT INTO|UPDATE|DELETE FROM) \1 )/,
  "`UPDATE ... FROM`": /\bUPDATE [^;]*?\bSET [^;]*? FROM (?:input\b|\((?!SELECT 1\b))/,
  "`unnest` of several arrays": /\bunnest\([^()]*,/,
  "`LIMIT (SELECT ...)`": /\bLIMIT \(SELECT\b/,
  "`CROSS JOIN LATERAL`": /\bLATERAL\b/,
  "`row_to_json`": /\brow_to_json\b/,
  "`ON CONFLICT DO NOTHING`, any index": /\bON CONFLICT DO NOTHING\b/,
  "`ON CONFLICT (...) DO UPDATE`": /\bON CONFLICT \([^)]*\) DO UPDATE\b/,
  "`COALESCE` of a time in `SET`": /\bSET \w+ = COALESCE\([^;]*?\bnow\(\)/,
  "`clock_timestamp()` in a write": /\b(?:INSERT|UPDATE)\b[^;]*\bclock_timestamp\(\)/,
  "a sub-query in `VALUES`": /\bVALUES \([^;]*\(SELECT\b/,
  "a window function": /\bOVER \(/,
  "an isolation level": /\bISOLATION LEVEL\b/,
  "a savepoint": /\bSAVEPOINT\b/,
  "a partial unique index": /\bCREATE UNIQUE INDEX [^;]*\bWHERE\b/,
  "a BRIN index": /\bUSING brin\b/,
  "another kind of index": /\bUSING (?:gin|gist|spgist|hash)\b/,
  "an identity column": /\bAS IDENTITY\b/,
  "a key without the tenant": /\w+ \w+ (?:GENERATED ALWAYS AS IDENTITY )?PRIMARY KEY\b/,
  "`fillfactor`": /\bfillfactor\b/,
  "several changes of the schema in one transaction": /\bCREATE TABLE [^;]*;.*\bCREATE\b/,
  "`SET LOCAL`": /\bSET LOCAL\b/,
  "system catalogs": /\bpg_(?:class|policy|roles)\b/,
  "row-level security": /\bROW LEVEL SECURITY\b/,
  "a function in PL/pgSQL": /\bLANGUAGE plpgsql\b/,
  "rights on columns": /\bGRANT [^;]*\bUPDATE \(/,
  "`LOCK TABLE`": /\bLOCK TABLE\b/,
  "advisory locks": /\bpg_(?:try_)?advisory/,
  "LISTEN and NOTIFY": /\b(?:UN)?LISTEN\b|\bNOTIFY\b|\bpg_notify\b/,
  "`SELECT ... FOR UPDATE` or `SHARE`": /\bSELECT\b[^;]*\bFOR (?:NO KEY )?(?:UPDATE|SHARE|KEY SHARE)\b/,
  "`SKIP LOCKED` and `NOWAIT`": /\bSKIP LOCKED\b|\bNOWAIT\b/,
  "settings of a session": /^SET (?!LOCAL\b)/,
  "temporary and unlogged tables": /\b(?:TEMP|TEMPORARY|UNLOGGED) TABLE\b/,
  triggers: /\bCREATE (?:\w+ )*TRIGGER\b/,
  "`DO` blocks": /^DO\b/,
  "system columns": /\b(?:xmin|xmax|ctid|tableoid)\b/,
  "exclusion and deferrable constraints": /\bEXCLUDE\b|\bDEFERRABLE\b/,
  "foreign keys": /\bREFERENCES\b|\bFOREIGN KEY\b/,
  "stored generated columns": /\bSTORED\b/,
  "recursive queries": /\bRECURSIVE\b/,
  "`MERGE`": /^MERGE\b/,
  "cursors, `COPY` and two-phase commit": /\bDECLARE \w+ CURSOR\b|^COPY\b|\bPREPARE TRANSACTION\b/,
} as const satisfies Record<string, RegExp>;

const ENGINES = ["Citus", "CockroachDB", "YugabyteDB"] as const;

/** What stands in the way. Of what every call sends it is one, on one engine. */
const EXCEPTIONS = [
  "Citus: a key without the tenant",
  "CockroachDB: `LOCK TABLE`",
  "CockroachDB: a BRIN index",
  "CockroachDB: rights on columns",
  "CockroachDB: several changes of the schema in one transaction",
  "YugabyteDB: a BRIN index",
  "YugabyteDB: several changes of the schema in one transaction",
];

const PARTITIONS = 4;

const PLACES = ["every call", "some calls", "schema", "isolation"] as const;

/** Cases that want a database without the schema, and those that say the same things many times over. */
const ADD_NOTHING = /^(?:open|close|values)\b|\bat once\b|\bunder way\b|\bevery transition from\b/;

/** Every statement, and where it was sent. */
const sent = new Map<string, Set<(typeof PLACES)[number]>>();
let url: string;
let pool: pg.Pool;
let recording: PostgresPool;
let roles: LoginRoles<"service" | "tenant">;
const fixed = statements('"onceguard"');

beforeAll(async () => {
  url = await createDatabase();
  pool = patientPool(url, 30);
  let place: "schema" | "some calls" | "isolation" = "schema";
  recording = recorded(pool, (text) => {
    const places = sent.get(plain(text)) ?? new Set();
    if (!places.has("every call")) sent.set(plain(text), places.add(place));
  });
  const everyCall = [...Object.values(fixed.one), ...Object.values(fixed.many)];
  for (const text of everyCall) sent.set(plain(text), new Set(["every call"]));

  const store = postgresStore({ pool: recording });
  await store.open();
  await store.close();
  const run = async <Row>(text: string, values?: unknown[]) => (await pool.query(text, values)).rows as Row[];
  await partition(run, "onceguard", PARTITIONS);

  place = "some calls";
  const { rows } = await pool.query(
    "SELECT relname FROM pg_class WHERE relnamespace = 'onceguard'::regnamespace AND relkind = 'r' AND relname NOT IN ('migration', 'secret')",
  );
  const emptied = rows.map(({ relname }) => `DELETE FROM onceguard.${relname}`).join("; ");
  for (const { name, run } of storeContractCases) {
    if (ADD_NOTHING.test(name)) continue;
    await pool.query(emptied);
    const { context, close } = emptyStore();
    await run(context).finally(close);
  }

  place = "isolation";
  roles = await loginRoles(url, "service", "tenant");
  const isolation = tenantRoles({ pool: recording });
  await isolation.allow({ role: roles.name.service, tenant: "*" });
  await isolation.allow({ role: roles.name.tenant, tenant: "default" });
  await isolation.list();
  await isolation.revoke({ role: roles.name.tenant, tenant: "default" });
  await isolation.revoke({ role: roles.name.service, tenant: "*" });
});

afterAll(async () => {
  await roles.drop();
  await pool.end();
  await dropDatabase(url);
});

describe("the statements that are really sent", () => {
  it("are all of those that there are: each of the fixed ones, and the migrations", () => {
    const migration = new URL("../../src/stores/postgres/migrations/0001_requests.sql", import.meta.url);
    const all = [...sent.keys()];
    for (const text of [fixed.due, fixed.history]) expect(all).toContain(plain(text));
    expect(all.some((text) => text.includes(plain(readFileSync(migration, "utf8"))))).toBe(true);
    for (const place of PLACES) expect([...sent.values()].some((places) => places.has(place))).toBe(true);
    expect(all.length).toBeGreaterThan(150); // cases were run, and not only begun
  });

  it("use just the constructs that docs/scaling.md lists, there where it says so", () => {
    const used = Object.entries(CONSTRUCTS).flatMap(([name, looks]) => {
      const where = PLACES.filter((place) => [...sent].some(([text, places]) => places.has(place) && looks.test(text)));
      return where.length > 0 ? [[name, where.join(", ")]] : [];
    });
    expect(page().map(({ name, where }) => [name, where])).toEqual(used);
  });

  it("use none of what the page says they do not use", () => {
    const unused = Object.entries(CONSTRUCTS).filter(([, looks]) => ![...sent.keys()].some((text) => looks.test(text)));
    const [, list = ""] = markdown().match(/^They use none of these: (.*(?:\n.+)*)\.$/m) ?? [];
    expect(list.replaceAll("\n", " ").split("; ")).toEqual(unused.map(([name]) => name));
  });

  it("have just these exceptions to what the engines can do", () => {
    const lacking = page().flatMap(({ name, engines }) => {
      expect(engines, name).toHaveLength(ENGINES.length);
      for (const word of engines) expect(word, name).toMatch(/^(?:yes|with limits|not tried|\*\*no\*\*)(?=$|[ ,])/);
      return ENGINES.filter((_, n) => engines[n]?.startsWith("**no**")).map((engine) => `${engine}: ${name}`);
    });
    expect(lacking.sort()).toEqual(EXCEPTIONS);
  });
});

const BY_KEY = ["find", "standing", "apply", "renew"] as const;
it.each(BY_KEY)("%s reaches one partition of `request` for a tenant, whatever their number", async (name) => {
  const text = fixed.many[name];
  const types = [...text.matchAll(/\$\d+::(\w+)\[\]/g)].map(([, type]) => type as string);
  const values = types.map((type) =>
    type === "text" ? "ARRAY['x']" : type === "boolean" ? "ARRAY[false]" : "ARRAY[1]",
  );
  const client = await pool.connect();
  await client.query("SET plan_cache_mode = force_generic_plan");
  await client.query(`PREPARE one (bigint, bigint, ${types.map((type) => `${type}[]`).join(", ")}) AS ${text}`);
  const nulls = values.map((value, n) => (types[n] === "bigint" && name === "apply" ? "ARRAY[NULL]" : value));
  const { rows } = await client.query(
    `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE one (NULL, 1, ${nulls.map((value, n) => `${value}::${types[n]}[]`).join(", ")})`,
  );
  await client.query("DEALLOCATE one; RESET plan_cache_mode");
  client.release();
  const scans = rows.map((row) => String(row["QUERY PLAN"])).filter((line) => /Scan using request_\d/.test(line));
  const reached = scans.filter((line) => !line.includes("never executed"));
  expect(scans.length).toBeGreaterThanOrEqual(PARTITIONS);
  expect(new Set(reached.map((line) => line.match(/request_\d/)?.[0])).size, scans.join("\n")).toBe(1);
});

it("the constructs are told from what only looks like them", () => {
  const is = (name: keyof typeof CONSTRUCTS, text: string): boolean => CONSTRUCTS[name].test(plain(text));
  expect(is("`SELECT ... FOR UPDATE` or `SHARE`", "SELECT 1 FROM a WHERE b = 1 FOR NO KEY UPDATE")).toBe(true);
  expect(
    is("`SELECT ... FOR UPDATE` or `SHARE`", "CREATE POLICY p ON log AS RESTRICTIVE FOR UPDATE USING (true)"),
  ).toBe(false);
  expect(is("a `WITH` that writes", "WITH a AS (\n  INSERT INTO b SELECT 1\n) SELECT 1")).toBe(true);
  expect(is("a `WITH` that writes", "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a")).toBe(false);
  expect(
    is("two writes of one table in a statement", "WITH a AS (UPDATE t SET b = 1), c AS (UPDATE t SET b = 2) SELECT 1"),
  ).toBe(true);
  expect(
    is(
      "two writes of one table in a statement",
      "WITH a AS (UPDATE t SET b = 1), c AS (INSERT INTO u SELECT 2) SELECT 1",
    ),
  ).toBe(false);
  expect(is("a key without the tenant", "CREATE TABLE t (a text NOT NULL, PRIMARY KEY (a, tenant))")).toBe(false);
  expect(is("a key without the tenant", "CREATE TABLE t (a bigint PRIMARY KEY)")).toBe(true);
});

/** One line, without comments. */
function plain(text: string): string {
  return text
    .replaceAll(/--.*$/gm, " ")
    .replaceAll(/\s+/g, " ")
    .replaceAll("(INSERT ", "( INSERT ")
    .replaceAll("(UPDATE ", "( UPDATE ")
    .replaceAll("(DELETE ", "( DELETE ")
    .trim();
}

function markdown(): string {
  return readFileSync(new URL("../../../../docs/scaling.md", import.meta.url), "utf8");
}

/** The rows of the page's table of constructs. */
function page(): { name: string; where: string; engines: string[] }[] {
  return markdown()
    .split("\n")
    .filter((line) => line.startsWith("| ") && PLACES.some((place) => line.includes(` | ${place}`)))
    .map((line) => line.slice(2, -2).split(" | "))
    .map(([name = "", where = "", ...engines]) => ({ name, where, engines }));
}

function recorded(from: pg.Pool, note: (text: string) => void): PostgresPool {
  type Asked = { text: string } | string;
  const noted = (asked: Asked): void => note(typeof asked === "string" ? asked : asked.text);
  const member = (of: object, name: PropertyKey): unknown => {
    const value = Reflect.get(of, name);
    return typeof value === "function" ? value.bind(of) : value;
  };
  const clientOf = (client: pg.PoolClient): pg.PoolClient =>
    new Proxy(client, {
      get: (_, name) => {
        if (name !== "query") return member(client, name);
        return (asked: Asked, values?: unknown[]) => {
          noted(asked);
          return client.query(asked as string, values);
        };
      },
    });
  return {
    query: (asked) => {
      noted(asked);
      return from.query(asked);
    },
    connect: async () => clientOf(await from.connect()) as never,
    on: (event, listener) => from.on(event, listener),
  };
}

function emptyStore(): { context: StoreUnderTest; close: () => Promise<void> } {
  const { now, advance } = fakeClock();
  const opened: Store[] = [];
  const reopen = (): Store => {
    const store = postgresStore({ pool: recording, statementTimeoutMs: 60_000, clock: now });
    opened.push(store);
    return store;
  };
  const begin = async () => {
    const handle = (await recording.connect()) as unknown as pg.PoolClient;
    await handle.query("BEGIN");
    const end = (how: string) => async () => {
      await handle.query(how);
      handle.release();
    };
    return { handle, commit: end("COMMIT"), rollback: end("ROLLBACK") };
  };
  const close = async () => {
    for (const store of opened) await store.close();
  };
  return { context: { store: reopen(), reopen, begin, advance }, close };
}
