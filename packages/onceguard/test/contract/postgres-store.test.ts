import pg from "pg";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { Store } from "../../src/core/ports.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { fakeClock, storeContract } from "../../src/testing/index.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

describe("PostgreSQL store", () => {
  let url: string;
  let callers: pg.Pool;
  let schemas = 0;
  beforeAll(async () => {
    url = await createDatabase();
    callers = new pg.Pool({ connectionString: url, max: 30 });
  });
  afterAll(async () => {
    await callers.end();
    await dropDatabase(url);
  });

  const begin = async () => {
    const handle = await callers.connect();
    await handle.query("BEGIN");
    const end = (how: string) => async () => {
      await handle.query(how);
      handle.release();
    };
    return { handle, commit: end("COMMIT"), rollback: end("ROLLBACK") };
  };

  storeContract({
    test,
    makeStore: () => {
      const schema = `case_${++schemas}`; // an empty store per case, without a database each
      const { now, advance } = fakeClock();
      const opened: Store[] = [];
      const reopen = (): Store => {
        const store = postgresStore({ url, schema, clock: now, maxConnections: 4 });
        opened.push(store);
        return store;
      };
      const cleanup = async () => {
        for (const store of opened) await store.close();
      };
      return { store: reopen(), reopen, begin, advance, cleanup };
    },
  });
});
