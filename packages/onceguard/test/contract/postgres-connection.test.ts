import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ClaimAnswer, Store } from "../../src/core/ports.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import {
  change,
  claimed,
  claimRequest,
  FAILED,
  gateOf,
  type MoreOfClaim,
  moved,
  receiptIn,
  SUCCESS,
} from "../../src/testing/store-contract/fixtures.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

// Transactions on PostgreSQL: what its isolation levels and its failed transactions would do to a claim.

let url: string;
let pool: pg.Pool;
let store: Store;

beforeAll(async () => {
  url = await createDatabase();
  pool = new pg.Pool({ connectionString: url, max: 10 });
  store = postgresStore({ pool });
  await store.open();
  await pool.query("CREATE TABLE effect (id text PRIMARY KEY)");
});
beforeEach(async () => {
  await pool.query("TRUNCATE effect, onceguard.request, onceguard.log, onceguard.gate, onceguard.turn");
});
afterAll(async () => {
  await store.close();
  await pool.end();
  await dropDatabase(url);
});

describe("a transaction of the store's", () => {
  it("is not answered as committed after a statement in it has failed, although the work went on", async () => {
    const work = store.transact?.(async ({ handle, claim }) => {
      expect((await claim(claimRequest("r"))).kind).toBe("claimed");
      const client = handle as pg.PoolClient;
      await client.query("INSERT INTO effect VALUES ('a')");
      await client.query("INSERT INTO effect VALUES ('a')").catch(() => undefined);
      return "as if nothing had happened";
    });
    await expect(work).rejects.toMatchObject({ code: "store_unavailable", fields: { applied: "no" } });
    expect(await store.find("acme", "r")).toBeNull();
    expect((await pool.query("SELECT * FROM effect")).rows).toEqual([]);
  });

  it("goes on after one that failed inside a savepoint", async () => {
    await store.transact?.(async ({ handle, claim, apply }) => {
      const answer = await claim(claimRequest("r"));
      const client = handle as pg.PoolClient;
      await client.query("INSERT INTO effect VALUES ('a')");
      await client.query("SAVEPOINT mine");
      await client.query("INSERT INTO effect VALUES ('a')").catch(() => undefined);
      await client.query("ROLLBACK TO SAVEPOINT mine");
      await apply(change(receiptIn(answer), SUCCESS));
    });
    expect((await store.find("acme", "r"))?.state).toBe("succeeded");
    expect((await pool.query("SELECT * FROM effect")).rows).toEqual([{ id: "a" }]);
  });

  it("passes an error of the work's own statements on as PostgreSQL gave it", async () => {
    const work = store.transact?.(async ({ handle }) => {
      const client = handle as pg.PoolClient;
      await client.query("INSERT INTO effect VALUES ('a'), ('a')");
    });
    await expect(work).rejects.toMatchObject({ code: "23505" });
  });
});

describe.each(["REPEATABLE READ", "SERIALIZABLE"])("a caller's transaction at %s that is overtaken", (level) => {
  /** It has its snapshot; then somebody else commits; then it asks. */
  const overtaken = async (by: () => Promise<unknown>, ask: (handle: pg.PoolClient) => Promise<unknown>) => {
    const client = await pool.connect();
    try {
      await client.query(`BEGIN ISOLATION LEVEL ${level}`);
      await client.query("SELECT COUNT(*) FROM onceguard.request");
      await by();
      return await ask(client);
    } finally {
      await client.query("ROLLBACK");
      client.release();
    }
  };
  const SERIALIZATION = { code: "40001" };

  it("is an error, not a second claim of the request", async () => {
    const asked = overtaken(
      () => store.claim(claimRequest("r")),
      async (client) => store.join?.(client).claim(claimRequest("r")),
    );
    await expect(asked).rejects.toMatchObject(SERIALIZATION);
  });

  it("is an error, not a second request that passes the loop filter, a budget or a turn", async () => {
    const dedup = { recordId: "order:A1", windowMs: 60_000, limit: 1, hold: null, holdMs: 0 };
    const budget = {
      name: "one",
      counts: "actions",
      limit: 1,
      runId: "run-1",
      action: null,
      recordId: null,
      windowMs: null,
      halts: { scope: "run", id: "run-1" },
    } as const;
    const gates = {
      filter: { gate: gateOf({ dedup }) },
      budget: { gate: gateOf({ budgets: [budget] }) },
      turn: { gate: gateOf({ turn: { recordId: "order:A1", placeMs: 1_000 } }), serialized: true },
    };
    for (const [name, more] of Object.entries(gates)) {
      // The lock's row is there from before, or not.
      for (const isThere of [false, true]) {
        await pool.query("TRUNCATE onceguard.request, onceguard.gate, onceguard.turn");
        if (isThere) await gone(more);
        const asked = overtaken(
          () => store.claim(claimRequest("first", more)),
          async (client) => store.join?.(client).claim(claimRequest("second", more)),
        );
        await expect(asked, `${name}, ${isThere}`).rejects.toMatchObject(SERIALIZATION);
      }
    }
  });
});

/** A request that was refused by the other side: nothing counts it any more, but its gate has been locked once. */
async function gone(more: MoreOfClaim): Promise<void> {
  await moved(store, (await claimed(store, "gone", more)).receipt, FAILED);
}

it.each([
  ["for the first time", false],
  ["again", true],
])(
  "two callers' transactions at once, that decide on one record %s: the second waits, and sees the first",
  async (_what, isThere) => {
    const dedup = { recordId: "order:A1", windowMs: 60_000, limit: 1, hold: null, holdMs: 0 };
    const more = { gate: gateOf({ dedup }) };
    if (isThere) await gone(more);
    const [a, b] = [await pool.connect(), await pool.connect()];
    await a.query("BEGIN");
    await b.query("BEGIN");
    expect((await store.join?.(a).claim(claimRequest("a", more)))?.kind).toBe("claimed");
    const second = store.join?.(b).claim(claimRequest("b", more));
    expect(await Promise.race([second, waits(b)])).toBe("waits");
    await a.query("COMMIT");
    expect((await second)?.kind).toBe("skipped");
    await b.query("COMMIT");
    a.release();
    b.release();
  },
);

it("two callers' transactions at once, that ask for one record's turn: the second waits, and then has the next place", async () => {
  const more = { serialized: true, gate: gateOf({ turn: { recordId: "order:A1", placeMs: 3_600_000 } }) };
  const [a, b] = [await pool.connect(), await pool.connect()];
  await a.query("BEGIN");
  await b.query("BEGIN");
  const first = await store.join?.(a).claim(claimRequest("a", more));
  const second = store.join?.(b).claim(claimRequest("b", more));
  expect(await Promise.race([second, waits(b)])).toBe("waits");
  await a.query("COMMIT");
  expect((await second)?.kind).toBe("busy");
  await b.query("COMMIT");
  a.release();
  b.release();
  const ask = async (id: string) => (await store.claim(claimRequest(id, more))).kind;
  expect(await ask("c")).toBe("busy");
  await moved(store, receiptIn(first as ClaimAnswer), SUCCESS);
  expect([await ask("c"), await ask("b")]).toEqual(["busy", "claimed"]);
});

/** Resolves once this client's session waits for a lock, as the server sees it. */
async function waits(client: pg.PoolClient): Promise<"waits"> {
  const { processID } = client as unknown as { processID: number };
  for (;;) {
    const { rows } = await pool.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'", [
      processID,
    ]);
    if (rows.length > 0) return "waits";
  }
}
