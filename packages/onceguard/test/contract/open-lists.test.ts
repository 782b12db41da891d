import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import type { State } from "../../src/core/receipt.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

const OPEN: readonly State[] = ["held", "running", "retry_wait", "in_doubt", "review"];

it("PostgreSQL lists what is open from its index, and does not read what is settled", async () => {
  const url = await createDatabase();
  const asked: { readonly text: string; readonly values?: readonly unknown[] }[] = [];
  const pool = new pg.Pool({ connectionString: url });
  pool.on("connect", (connection) => {
    const query = connection.query.bind(connection) as (...given: unknown[]) => unknown;
    Object.assign(connection, {
      query: (first: unknown, ...rest: unknown[]) => {
        if (typeof first === "object" && first !== null && "text" in first) asked.push(first as (typeof asked)[number]);
        else asked.push({ text: String(first), values: (Array.isArray(rest[0]) ? rest[0] : []) as unknown[] });
        return query(first, ...rest);
      },
    });
  });
  const store = postgresStore({ pool });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await store.close();
    await pool.end();
    await dropDatabase(url);
  });
  await store.open();
  const { rows } = await client.query(
    "SELECT table_schema AS schema FROM information_schema.tables WHERE table_name = 'request'",
  );
  const schema = rows[0]?.schema as string;
  await client.query(`
INSERT INTO ${schema}.request (tenant, request_id, action, risk_tier, capability, key_source, fingerprint, serialized, state, conflict,
  may_have_applied, fencing_token, generation, attempt_number, version, owner_token, created_at, updated_at, generation_at, due_at)
SELECT 'default', 'r' || n, 'a', 'side_effecting', 'none', 'explicit', 'f', false,
  CASE WHEN n % 1000 = 0 THEN 'review' WHEN n % 1000 = 1 THEN 'held' ELSE 'succeeded' END, false, false, 1, 1, 1, 1, '', n, n, n,
  CASE WHEN n % 1000 < 2 THEN n END
FROM generate_series(1, 30000) AS n`);
  await client.query(`ANALYZE ${schema}.request`);
  for (const states of [["review"], ["held"], OPEN] as const) {
    for (const order of ["newest", "longest_due"] as const) {
      asked.length = 0;
      expect(await store.list({ tenant: "default", states, order, limit: 10 })).toHaveLength(10);
      const [query] = asked.filter(({ text }) => text.includes(".request r"));
      const { rows: lines } = await client.query(`EXPLAIN ${query?.text}`, query?.values as unknown[]);
      const plan = lines.map((line) => line["QUERY PLAN"]).join("\n");
      expect(plan).toContain("request_due");
      expect(plan).not.toContain("Seq Scan on request");
    }
  }
});
