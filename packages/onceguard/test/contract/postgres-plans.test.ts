import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { statements } from "../../src/stores/postgres/statements.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

let url: string;
let client: pg.Client;

beforeAll(async () => {
  url = await createDatabase();
  const store = postgresStore({ url });
  await store.open();
  await store.close();
  client = new pg.Client({ connectionString: url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await dropDatabase(url);
});

/** A value of each array's type; what it is does not matter to the plan. */
function sample(type: string): string {
  if (type === "text") return "ARRAY['x']::text[]";
  return type === "boolean" ? "ARRAY[false]" : `ARRAY[1]::${type}[]`;
}

/**
 * On an empty table, as on the first day: the planner must settle on one general plan that goes by the index, or the
 * hot path is planned anew every time, or scans a table that has grown since.
 */
const NAMES = ["apply", "find", "renew"] as const;
it.each(NAMES)("%s keeps one plan for several rows, by the index, from the first day", async (name) => {
  const text = statements('"onceguard"').many[name];
  const types = [...text.matchAll(/\$(\d+)::(\w+)\[\]/g)].map((match) => match[2] as string);
  await client.query(
    `PREPARE ${name}_plan (bigint, bigint, ${types.map((type) => `${type}[]`).join(", ")}) AS ${text}`,
  );
  const call = `EXECUTE ${name}_plan (NULL, 1, ${types.map(sample).join(", ")})`;
  for (let n = 0; n < 10; n++) await client.query(call);
  const { rows } = await client.query("SELECT generic_plans FROM pg_prepared_statements WHERE name = $1", [
    `${name}_plan`,
  ]);
  expect(Number(rows[0].generic_plans)).toBeGreaterThan(0);
  const plan = (await client.query(`EXPLAIN ${call}`)).rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("Index Scan using request_pkey");
  expect(plan).not.toMatch(/Seq Scan|Hash Join/);
});

it.each(NAMES)("%s goes by the index for a lone row, too", async (name) => {
  const text = statements('"onceguard"').one[name];
  const types = [...text.matchAll(/SELECT ([^()]*)\) AS i/g)].flatMap((match) =>
    [...(match[1] as string).matchAll(/::(\w+)/g)].map(([, type]) => type as string),
  );
  await client.query(`PREPARE ${name}_one (bigint, ${types.join(", ")}) AS ${text}`);
  const call = `EXECUTE ${name}_one (NULL, ${types.map((type) => (type === "text" ? "'x'" : type === "boolean" ? "false" : "1")).join(", ")})`;
  for (let n = 0; n < 10; n++) await client.query(call);
  const plan = (await client.query(`EXPLAIN ${call}`)).rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("Index Scan using request_pkey");
  expect(plan).not.toMatch(/Seq Scan|Hash Join/);
});
