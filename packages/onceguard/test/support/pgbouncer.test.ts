import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type PgBouncer, startPgBouncer } from "./pgbouncer.ts";
import { createDatabase, dropDatabase } from "./postgres.ts";

let database: string;
let bouncer: PgBouncer | null;

beforeAll(async () => {
  database = await createDatabase();
  bouncer = await startPgBouncer(database);
});

afterAll(async () => {
  await bouncer?.stop();
  await dropDatabase(database);
});

it("pools by transaction, so session state is nobody's", async ({ skip }) => {
  if (!bouncer) return skip("pgbouncer is not installed");
  const [a, b] = [new pg.Client({ connectionString: bouncer.url }), new pg.Client({ connectionString: bouncer.url })];
  await Promise.all([a.connect(), b.connect()]);
  const pid = async (client: pg.Client) => (await client.query("SELECT pg_backend_pid() AS pid")).rows[0].pid;
  // Two clients that take turns share one server connection; in session mode each would have its own.
  expect(await pid(a)).toBe(await pid(b));
  await Promise.all([a.end(), b.end()]);
});
