import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StoreAddress } from "../support/guarded-worker.ts";
import { createStore, STORE_KINDS } from "../support/test-stores.ts";
import type { Opened } from "./open-store-process.ts";

const STARTERS = 20;

let starters: ChildProcess[];

beforeAll(async () => {
  const program = fileURLToPath(new URL("./open-store-process.ts", import.meta.url));
  starters = Array.from({ length: STARTERS }, () => fork(program, { execArgv: [] }));
  await Promise.all(starters.map((starter) => once(starter, "message")));
});

afterAll(async () => {
  await Promise.all(starters.map((starter) => [starter.disconnect(), once(starter, "exit")][1]));
});

/** All at once: they are up, and start at the message. */
function openAll(address: StoreAddress): Promise<Opened[]> {
  return Promise.all(
    starters.map(async (starter) => {
      const opened = once(starter, "message");
      starter.send(address);
      return (await opened)[0] as Opened;
    }),
  );
}

describe.each(STORE_KINDS)(`${STARTERS} processes that open one %s store at once`, (kind) => {
  it.for([1, 2, 3, 4, 5])("make one schema and one secret of an empty one (%i)", async () => {
    const store = await createStore(kind);
    const [first, ...others] = await openAll(store.address);
    expect(first).toMatchObject({ secret: expect.stringMatching(/^[0-9a-f]{64}$/), schemaVersion: expect.any(Number) });
    expect(others).toEqual(others.map(() => first));
    const applied = await sql(store.address, "SELECT number FROM MIGRATION ORDER BY number");
    expect(applied).toEqual(applied.map((_, n) => ({ number: n + 1 })));
    await store.remove();
  });

  it("are all refused by a schema from the future, and leave it alone", async () => {
    const store = await createStore(kind);
    await openAll(store.address);
    await sql(store.address, "INSERT INTO MIGRATION (number, name, breaking) VALUES (9999, 'future', TRUE)");
    const refused = await openAll(store.address);
    expect(refused).toEqual(refused.map(() => expect.objectContaining({ code: "schema_too_new" })));
    expect(refused[0]).toMatchObject({ message: expect.stringContaining("9999") });
    await store.remove();
  });

  it("are all let in by one from the future that says it breaks nothing", async () => {
    const store = await createStore(kind);
    await openAll(store.address);
    await sql(store.address, "INSERT INTO MIGRATION (number, name, breaking) VALUES (9999, 'future', FALSE)");
    expect(await openAll(store.address)).toEqual(starters.map(() => expect.objectContaining({ schemaVersion: 9999 })));
    await store.remove();
  });
});

/** In the store's own dialect; MIGRATION stands for its table of migrations. */
async function sql(address: StoreAddress, statement: string): Promise<unknown[]> {
  if (address.kind === "sqlite") {
    const database = new DatabaseSync(address.path);
    const rows = database.prepare(statement.replace("MIGRATION", "onceguard_migration")).all();
    database.close();
    return rows.map((row) => ({ ...row }));
  }
  const client = new pg.Client({ connectionString: address.url });
  await client.connect();
  const { rows } = await client.query(statement.replace("MIGRATION", "onceguard.migration"));
  await client.end();
  return rows;
}
