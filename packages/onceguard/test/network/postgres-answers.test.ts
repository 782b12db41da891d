import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import type { ClaimRequest } from "../../src/core/claim.ts";
import { type Transition, transition } from "../../src/core/lifecycle.ts";
import { lineOf } from "../../src/core/log-line.ts";
import type { ClaimAnswer, Store } from "../../src/core/ports.ts";
import type { Receipt } from "../../src/core/receipt.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { seededRandom } from "../../src/testing/lost-ack-proxy.ts";
import { withVerbs } from "../support/guard.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { type Answer, type Asked, recordingPool } from "./support/recording-pool.ts";

// What the store makes of PostgreSQL's answers: given up for another transaction, refused, or no answer at all. A pool
// by shape stands between and answers as a busy, a clustered or a broken PostgreSQL would.

let database: string;
const pools: { end(): Promise<void> }[] = [];

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => {
  for (const pool of pools) await pool.end();
  await dropDatabase(database);
});

let schemas = 0;

/** A store of its own, opened undisturbed; from then on `meddle` answers its statements. */
async function opened(meddle: (asked: Asked, run: () => Promise<Answer>, real: pg.Pool) => Promise<Answer>) {
  let meddling = false;
  const made = recordingPool(database, (asked, run) => (meddling ? meddle(asked, run, made.real) : run()));
  pools.push(made);
  const store = postgresStore({ pool: made.pool, schema: `answers_${++schemas}` });
  await store.open();
  meddling = true;
  return { ...made, store };
}

function broken(code: string, message = "as the test wants it"): Error {
  return Object.assign(new Error(message), { code });
}

let tokens = 0;

function request(requestId: string, more: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    tenant: "acme",
    requestId,
    explicitId: null,
    action: "refund",
    recordId: null,
    riskTier: "side_effecting",
    capability: "none",
    keySource: "explicit",
    fingerprint: "f",
    payload: "{}",
    runId: null,
    actor: null,
    hostScope: null,
    hostCallId: null,
    traceId: null,
    ownerToken: `token-${++tokens}`,
    amount: null,
    serialized: false,
    caseId: null,
    expected: null,
    keyId: null,
    start: { state: "running", leaseMs: 30_000 },
    tracked: false,
    gate: null,
    ...more,
  };
}

function success(receipt: Receipt): Transition {
  return transition(receipt, { type: "success", result: { json: '"done"' } }, `token-${++tokens}`) as Transition;
}

/** Every verb once, with what it must answer. */
async function workOut(store: Store): Promise<void> {
  const answer = await store.claim(request("r"));
  expect(answer.kind).toBe("claimed");
  const { receipt } = (answer as Extract<ClaimAnswer, { kind: "claimed" }>).claim;
  expect(await store.renew([{ tenant: "acme", requestId: "r", fencingToken: 1, leaseMs: 60_000 }])).toEqual([]);
  expect(await store.apply(success(receipt))).toMatchObject({ kind: "applied", receipt: { version: 2 } });
  expect(await store.find("acme", "r")).toMatchObject({ state: "succeeded", result: { json: '"done"' } });
  await store.append(lineOf(receipt, "drift"));
  expect(await store.due({ actions: ["refund"], limit: 10 })).toEqual([]);
  expect(await store.list({ limit: 10 })).toHaveLength(1);
  expect((await store.log("acme", "r")).map((entry) => entry.event)).toEqual(["claim", "success", "drift"]);
}

describe("a statement that PostgreSQL gave up for another one (40001, 40P01) is asked again", () => {
  const failures: Record<string, (asked: Asked, run: () => Promise<Answer>, real: pg.Pool) => Promise<unknown>> = {
    "before it ran": async () => undefined,
    "after it ran, at its commit": async ({ text, values }, _run, real) => {
      const client = await real.connect();
      try {
        await client.query("BEGIN");
        await client.query(text, values);
        await client.query("ROLLBACK");
      } finally {
        client.release();
      }
    },
  };
  for (const [when, fail] of Object.entries(failures)) {
    it.each(["40001", "40P01"])(`${when}: %s`, async (code) => {
      const failed = new Map<string, number>();
      const { store, asked } = await opened(async (one, run, real) => {
        const times = failed.get(one.text) ?? 0;
        if (times === 3) return run();
        failed.set(one.text, times + 1);
        await fail(one, run, real);
        throw broken(code);
      });
      const before = asked.length;
      await workOut(store);
      // Eight kinds of statement, each three times in vain.
      expect(failed.size).toBe(8);
      expect(asked.length - before).toBe(8 * 4);
    });
  }

  it("for real: serializable transactions that contend for the same rows", async () => {
    const url = new URL(database);
    url.searchParams.set("options", "-c default_transaction_isolation=serializable");
    const [a, b] = [1, 2].map(() => postgresStore({ url: url.href, schema: "serializable" })) as [Store, Store];
    const [direct, codes] = [recordingPool(database), new Map<string, number>()];
    pools.push(direct);
    await Promise.all([a.open(), b.open()]);
    const watched = recordingPool(url.href, async (_one, run) => {
      try {
        return await run();
      } catch (error) {
        const { code } = error as { code: string };
        codes.set(code, (codes.get(code) ?? 0) + 1);
        throw error;
      }
    });
    pools.push(watched);
    const c = postgresStore({ pool: watched.pool, schema: "serializable" });
    for (let round = 0; round < 200 && !codes.has("40001"); round++) {
      const ids = Array.from({ length: 10 }, (_, n) => `r-${round}-${n}`);
      const claims = await Promise.all(ids.flatMap((id) => [a, b, c, c].map((store) => store.claim(request(id)))));
      for (const [n] of ids.entries()) {
        const four = claims.slice(4 * n, 4 * n + 4);
        expect(four.filter((answer) => answer.kind === "claimed")).toHaveLength(1);
      }
      const receipts = claims.flatMap((answer) => (answer.kind === "claimed" ? [answer.claim.receipt] : []));
      const settled = await Promise.all(receipts.flatMap((one) => [a, b, c].map((store) => store.apply(success(one)))));
      expect(settled.filter((answer) => answer.kind === "applied")).toHaveLength(ids.length);
    }
    expect([...codes.keys()]).toEqual(["40001"]); // it did happen, and nothing else did
    await Promise.all([a.close(), b.close(), c.close()]);
  });

  it("and when it never gets through, the store is unavailable and nothing was sent", async () => {
    const { store } = await opened(async () => {
      throw broken("40001", "could not serialize access");
    });
    let effects = 0;
    const execute = () => ++effects;
    const action = defineAction({ name: "refund", riskTier: "side_effecting", execute });
    const guard = createGuard({ store, actions: [action], storeTimeout: 100, sweepEvery: false });
    const outcome = await guard.execute("refund", {}, { requestId: "r" });
    expect(outcome).toMatchObject({ status: "unavailable", dispatched: false });
    expect(effects).toBe(0);
  });
});

it("a row that PostgreSQL refuses fails alone, whether claimed or changed: its neighbours in the batch do not notice", async () => {
  const { store, asked } = await opened((_one, run) => run());
  const opening = asked.length;
  const unstorable = "a NUL byte: \u0000";
  const isBad = (n: number): boolean => n === 21;
  const claims = await Promise.allSettled(
    Array.from({ length: 40 }, (_, n) => store.claim(request(`r-${n}`, isBad(n) ? { actor: unstorable } : {}))),
  );
  // The first two go ahead; the others share one statement, and then have one each.
  expect(asked.length - opening).toBe(2 + 1 + 38);
  for (const [n, outcome] of claims.entries()) {
    if (isBad(n)) expect(outcome).toMatchObject({ status: "rejected", reason: { code: "22021" } });
    else expect(outcome).toMatchObject({ status: "fulfilled", value: { kind: "claimed" } });
  }
  const before = asked.length;
  const changes = await Promise.allSettled(
    claims.flatMap((outcome, n) => {
      if (outcome.status !== "fulfilled" || outcome.value.kind !== "claimed") return [];
      const change = success(outcome.value.claim.receipt);
      return [store.apply(n === 22 ? { ...change, detail: unstorable } : change)];
    }),
  );
  expect(asked.length - before).toBe(2 + 1 + 37);
  expect(changes.map(({ status }) => status).filter((status) => status !== "fulfilled")).toEqual(["rejected"]);
  const receipts = await store.list({ limit: 100 });
  expect(receipts.filter(({ state }) => state === "succeeded")).toHaveLength(38);
  expect(receipts.filter(({ state }) => state === "running").map(({ requestId }) => requestId)).toEqual(["r-22"]);
});

describe("no answer at all", () => {
  it.each(["ECONNRESET", undefined, "57P01", "08006"])(
    "(%s): asked again with its owner token, it is answered as the first",
    async (code) => {
      let lose = false;
      const { store } = await opened(async (_one, run) => {
        const answer = await run();
        if (!lose) return answer;
        lose = false;
        const error = new Error("Connection terminated unexpectedly");
        throw code === undefined ? error : Object.assign(error, { code });
      });
      const unknown = { code: "store_unavailable", fields: { applied: "unknown" } };

      const claim = request("r");
      lose = true;
      await expect(store.claim(claim)).rejects.toMatchObject(unknown);
      const again = await store.claim(claim);
      expect(again).toMatchObject({
        kind: "claimed",
        claim: { ownerToken: claim.ownerToken, receipt: { version: 1 } },
      });
      // Somebody else's is told that it is there, and cannot take it for its own.
      expect((await store.claim(request("r"))).kind).toBe("exists");

      const { receipt } = (again as Extract<ClaimAnswer, { kind: "claimed" }>).claim;
      const change = success(receipt);
      lose = true;
      await expect(store.apply(change)).rejects.toMatchObject(unknown);
      expect(await store.apply(change)).toMatchObject({ kind: "applied", receipt: { version: 2, state: "succeeded" } });
      expect((await store.apply(success(receipt))).kind).toBe("stale");
      expect((await store.log("acme", "r")).map((entry) => entry.event)).toEqual(["claim", "success"]);
    },
  );

  it("of a whole batch: unknown for each of its rows, and each is answered as the first", async () => {
    let lost = 0;
    const { store } = await opened(async ({ text }, run) => {
      const answer = await run();
      if (lost === 2 || !text.includes("INSERT INTO")) return answer;
      lost++;
      throw broken("ECONNRESET");
    });
    const requests = Array.from({ length: 60 }, (_, n) => request(`r-${n}`));
    const first = await Promise.allSettled(requests.map((one) => store.claim(one)));
    expect(first.filter((one) => one.status === "rejected").length).toBeGreaterThan(1);
    const second = await Promise.all(requests.map((one) => store.claim(one)));
    expect(second.filter((answer) => answer.kind !== "claimed")).toEqual([]);
    for (const { requestId } of requests) expect(await store.log("acme", requestId)).toHaveLength(1);
  });

  it("for three statements in ten: each effect is made once, each caller gets its result", async () => {
    const random = seededRandom(3);
    const { store } = await opened(async (_one, run) => {
      const answer = await run();
      if (random() < 0.3) throw broken("ECONNRESET");
      return answer;
    });
    const effects = new Map<string, number>();
    const action = defineAction({
      name: "refund",
      riskTier: "side_effecting",
      keyFields: ["order"],
      execute: ({ order }: { order: string }) => {
        effects.set(order, (effects.get(order) ?? 0) + 1);
        return order;
      },
    });
    // However often a claim is lost, and however busy the machine: it is asked for until it is answered.
    const guard = createGuard({ store, actions: [action], storeTimeout: "60s", sweepEvery: false });
    const orders = Array.from({ length: 100 }, (_, n) => `order-${n}`);
    const outcomes = await Promise.all([...orders, ...orders].map((order) => guard.execute("refund", { order })));
    for (const [n, outcome] of outcomes.entries()) {
      expect(outcome).toMatchObject({ status: n < 100 ? "executed" : "replayed", result: `order-${n % 100}` });
    }
    expect([...effects.values()]).toEqual(orders.map(() => 1));
  });

  it.each(["claim", "migration"])("and a pool that never answers (%s) does not hold the caller", async (silent) => {
    const never = (): Promise<Answer> => new Promise(() => undefined);
    const { pool, real } = recordingPool(database, ({ text }, run) => {
      return (silent === "claim" ? text.includes(".request (") : text.includes("CREATE SCHEMA")) ? never() : run();
    });
    pools.push({ end: () => real.end() });
    const store = postgresStore({ pool, schema: `silent_${silent}`, statementTimeoutMs: 50 });
    const action = defineAction({ name: "refund", riskTier: "side_effecting", execute: () => "sent" });
    const guard = createGuard({ store, actions: [action], storeTimeout: 100, sweepEvery: false });
    const outcome = await guard.execute("refund", {}, { requestId: "r" });
    expect(outcome).toMatchObject({ status: "unavailable", dispatched: false });
  });
});

describe("prepared statements", () => {
  it.each(["26000", "42P05"])("lost by many at once (%s): each is asked again as a plain one", async (code) => {
    const { store, asked } = await opened(async ({ name }, run) => {
      if (name === undefined) return run();
      await new Promise((later) => setTimeout(later, 5 * Math.random()));
      throw broken(code, `prepared statement "${name}" is not what you think`);
    });
    const ids = Array.from({ length: 30 }, (_, n) => `r-${n}`);
    // Finds, lists, logs and claims of the same moment, all under way by name.
    const answers = await Promise.all([
      ...ids.map((id) => store.claim(request(id))),
      ...ids.map((id) => store.log("acme", id)),
      ...ids.map(() => store.list({ limit: 1 })),
    ]);
    expect(answers).toHaveLength(90);
    const before = asked.length;
    await workOut(withVerbs(store, { list: async () => (await store.list({ limit: 1 })).slice(0, 1) }));
    expect(asked.slice(before).filter(({ name }) => name !== undefined)).toEqual([]);
  });

  it("stay on when a server connection broke behind PgBouncer (08P01 too), and its statement is unknown", async () => {
    let crash = false;
    const { store, asked } = await opened(async (_one, run) => {
      if (!crash) return run();
      crash = false;
      throw broken("08P01", "server conn crashed?");
    });
    crash = true;
    const claim = request("r");
    await expect(store.claim(claim)).rejects.toMatchObject({ fields: { applied: "unknown" } });
    expect((await store.claim(claim)).kind).toBe("claimed");
    expect(asked.at(-1)?.name).toMatch(/^onceguard_/);
  });
});
