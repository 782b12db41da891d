import type pg from "pg";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { type PostgresStoreOptions, postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { fakeClock, type StoreUnderTest, storeContract, storeContractCases } from "../../src/testing/index.ts";
import { patientPool } from "../support/patient-pool.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

let url: string;
let callers: pg.Pool;
let schemas = 0;
beforeAll(async () => {
  url = await createDatabase();
  callers = patientPool(url, 30);
});
afterAll(async () => {
  await callers.end();
  await dropDatabase(url);
});

/** An empty store per case: in a schema of its own, without a database each. */
function makeStore(connect: () => [Partial<PostgresStoreOptions>, end?: () => Promise<void>]): StoreUnderTest {
  const schema = `case_${++schemas}`;
  const { now, advance } = fakeClock();
  const opened: (() => Promise<void>)[] = [];
  const reopen = (): Store => {
    const [options, end] = connect();
    const store = postgresStore({ ...options, schema, clock: now });
    opened.push(async () => {
      await store.close();
      await end?.();
    });
    return store;
  };
  const cleanup = async () => {
    for (const close of opened) await close();
  };
  return { store: reopen(), reopen, begin, advance, cleanup };
}

async function begin() {
  const handle = await callers.connect();
  await handle.query("BEGIN");
  const end = (how: string) => async () => {
    await handle.query(how);
    handle.release();
  };
  return { handle, commit: end("COMMIT"), rollback: end("ROLLBACK") };
}

describe("PostgreSQL store", () => {
  const pooled = (): ReturnType<Parameters<typeof makeStore>[0]> => {
    const pool = patientPool(url, 4);
    return [{ pool, statementTimeoutMs: 60_000 }, () => pool.end()];
  };
  storeContract({ test, makeStore: () => makeStore(pooled) });
});

describe("PostgreSQL store with a pool of its own", () => {
  for (const { name, run } of storeContractCases.filter((one) =>
    /^(open|name|close|durable|transact: close)/.test(one.name),
  )) {
    test(name, async () => {
      const context = makeStore(() => [{ url, maxConnections: 4 }]);
      await run(context).finally(context.cleanup);
    });
  }
});
