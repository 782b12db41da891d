import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { BudgetCondition } from "../../src/core/gate.ts";
import type { Store } from "../../src/core/ports.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import {
  APPROVE,
  claimed,
  claimRequest,
  gateOf,
  HOLD,
  haltOrder,
  type MoreOfClaim,
  made,
  moved,
  recorded,
  SUCCESS,
} from "../../src/testing/store-contract/fixtures.ts";
import { patientPool } from "../support/patient-pool.ts";
import { createStore, STORE_KINDS } from "../support/test-stores.ts";
import { type StoreWorker, startStoreWorkers } from "./store-worker.ts";

// What two racers must not both get, asked for by real processes on one store.

const PROCESSES = 4;
const RACERS = 100;
const ROUNDS = 5;
const LONG_MS = 3_600_000; // no lease and no place runs out under a test

/** A busy machine is no failure. */
const PATIENCE_MS = 60_000;
vi.setConfig({ testTimeout: 240_000 });

const dir = mkdtempSync(join(tmpdir(), "onceguard-gates-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.each(STORE_KINDS)("on %s", (kind) => {
  let place: Awaited<ReturnType<typeof createStore>>;
  let store: Store;
  let workers: StoreWorker[];
  let endPool: () => Promise<void> = async () => undefined;

  beforeAll(async () => {
    place = await createStore(kind);
    const { address } = place;
    if (address.kind === "sqlite") {
      store = sqliteStore({ path: address.path, busyTimeoutMs: PATIENCE_MS });
    } else {
      const pool = patientPool(address.url, 10);
      store = postgresStore({ pool, statementTimeoutMs: PATIENCE_MS });
      endPool = () => pool.end();
    }
    await store.open();
    workers = await startStoreWorkers(PROCESSES, address);
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await store.close();
    await endPool();
    await place.remove();
  });

  /** All racers of all processes at once, each with an id of its own: how often which answer. */
  const race = async (prefix: string, more: MoreOfClaim): Promise<Record<string, number>> => {
    const answers = await Promise.all(
      workers.map((worker, n) => worker.claims(requests(`${prefix}-${n}`, RACERS / PROCESSES, more), n % 2 > 0)),
    );
    const counts: Record<string, number> = {};
    for (const kind of answers.flat()) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  };

  it(`of ${RACERS} racers with different ids on one record, the loop filter lets one through`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const recordId = `order:${round}`;
      const dedup = { recordId, windowMs: LONG_MS, limit: 1, hold: null, holdMs: 0 };
      expect(await race(`loop-${round}`, { recordId, gate: gateOf({ dedup }) })).toEqual({
        claimed: 1,
        skipped: RACERS - 1,
      });
      expect(await store.list({ recordId, limit: RACERS })).toHaveLength(1);
    }
  });

  it(`of ${RACERS} racers with a budget of seven, seven get through, and the run is halted`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const runId = `run ${round}`;
      const budget: BudgetCondition = {
        name: "maxActionsPerRun",
        counts: "actions",
        limit: 7,
        runId,
        action: null,
        recordId: null,
        windowMs: null,
        halts: { scope: "run", id: runId },
      };
      const counts = await race(`budget-${round}`, { runId, recordId: null, gate: gateOf({ budgets: [budget] }) });
      expect(counts).toEqual({ claimed: 7, halted: RACERS - 7 });
      expect(await store.list({ runId, limit: RACERS })).toHaveLength(7);
      expect(await store.haltFor({ tenant: "acme", action: "refund", runId })).toMatchObject({
        scope: "run",
        reason: "budget:maxActionsPerRun",
      });
    }
    expect(await store.halts({ inForce: true, limit: 100 })).toHaveLength(ROUNDS);
  });

  it("of racers for an amount, no more get through than fit", async () => {
    const budget: BudgetCondition = {
      name: "amount per tenant",
      counts: "amount",
      limit: 100,
      runId: null,
      action: null,
      recordId: null,
      windowMs: LONG_MS,
      halts: { scope: "tenant", id: "globex" },
    };
    const more = { tenant: "globex", amount: 15, recordId: null, gate: gateOf({ budgets: [budget] }) };
    expect(await race("amount", more)).toEqual({ claimed: 6, halted: RACERS - 6 });
  });

  it("on a serialised record one runs at a time, in the order in which they came", async () => {
    const recordId = "order:serialised";
    const turn = { recordId, placeMs: LONG_MS };
    const more = { recordId, serialized: true, gate: gateOf({ turn }), leaseMs: LONG_MS };
    const running = (await claimed(store, "turn-blocker", more)).receipt;
    const waiting = workers.map((_, n) => requests(`turn-${n}`, 10, more));
    // Everybody takes a place, one after the other and across the processes, while the record is taken.
    const order: string[] = [];
    for (let n = 0; n < 10; n++) {
      for (const [of, worker] of workers.entries()) {
        const request = waiting[of]?.[n];
        if (!request) continue;
        expect(await worker.claims([request], false)).toEqual(["busy"]);
        order.push(request.requestId);
      }
    }
    const ledger = join(dir, `ledger-${kind}`);
    const done = Promise.all(workers.map((worker, n) => worker.turns(waiting[n] ?? [], ledger)));
    await moved(store, running, SUCCESS);
    await done;
    const lines = readFileSync(ledger, "utf8").trimEnd().split("\n");
    expect(lines).toEqual(order.flatMap((id) => [`begin ${id}`, `end ${id}`]));
  });

  it("without places, too: of many that come and go on a serialised record one runs at a time", {
    timeout: 300_000,
  }, async () => {
    const recordId = "order:crowded";
    const more = { recordId, serialized: true, gate: gateOf({ turn: { recordId, placeMs: 1 } }), leaseMs: LONG_MS };
    const ledger = join(dir, `crowded-${kind}`);
    await Promise.all(workers.map((worker, n) => worker.turns(requests(`crowd-${n}`, 15, more), ledger)));
    const lines = readFileSync(ledger, "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(2 * 15 * PROCESSES);
    for (let n = 0; n < lines.length; n += 2) {
      expect(lines.slice(n, n + 2)).toEqual([lines[n], lines[n]?.replace("begin", "end")]);
    }
    expect(new Set(lines).size).toBe(lines.length);
  });

  it("once a halt has answered, nothing that is asked later is granted, in no process", async () => {
    const runId = "run storm";
    const retries = await Promise.all(
      workers.map((_, w) =>
        Promise.all(Array.from({ length: 100 }, (_, n) => made(store, `retry-${w}-${n}`, "retry_wait", { runId }))),
      ),
    );
    const storm = Promise.all(
      workers.map((worker, n) =>
        worker.storm(`storm-${n}`, claimRequest("", { runId, recordId: null }), retries[n] ?? []),
      ),
    );
    await Promise.all(workers.map((worker) => worker.stormed(50)));
    await store.halt(haltOrder({ id: runId }));
    const haltedAt = process.hrtime.bigint();
    await Promise.all(workers.map((worker) => worker.stormed(50)));
    await Promise.all(workers.map((worker) => worker.calm()));
    const asked = (await storm).flat();
    const later = asked.filter(({ begunAt }) => BigInt(begunAt) > haltedAt);
    expect(later.length).toBeGreaterThan(PROCESSES * 20);
    expect(later.filter(({ kind }) => kind !== "halted")).toEqual([]);
    const granted = asked.filter(({ kind }) => kind === "claimed" || kind === "applied").map(({ id }) => id);
    expect(granted.length).toBeGreaterThan(0);
    const running = await store.list({ runId, states: ["running"], limit: 100_000 });
    expect(running.map(({ requestId }) => requestId).sort()).toEqual(granted.sort());
  });

  it("of 20 processes that release one approved request, one gets it", async () => {
    const more = await startStoreWorkers(20 - PROCESSES, place.address);
    try {
      for (let round = 0; round < 2 * ROUNDS; round++) {
        const start = { state: "held", hold: HOLD, dueInMs: LONG_MS } as const;
        const held = await moved(store, await recorded(store, `held-${round}`, { start, runId: null }), APPROVE);
        const answers = await Promise.all([...workers, ...more].map((worker) => worker.release(held)));
        expect(answers.toSorted()).toEqual(["applied", ...Array.from({ length: 19 }, () => "stale")]);
        expect(await store.find("acme", `held-${round}`)).toMatchObject({ state: "running", fencingToken: 1 });
      }
    } finally {
      await Promise.all(more.map((worker) => worker.stop()));
    }
  });

  it("of 52 racers with an effect in the same database, one makes it, whoever gives up meanwhile", async () => {
    const effects = await openEffects();
    try {
      for (let round = 0; round < 2 * ROUNDS; round++) {
        const request = claimRequest(`effect-${round}`, { capability: "transaction", runId: null, leaseMs: LONG_MS });
        const answers = (await Promise.all(workers.map((worker, n) => worker.effects(request, 13, n > 0)))).flat();
        const counts = (of: string) => answers.filter((answer) => answer === of).length;
        expect(counts("applied")).toBe(1);
        expect(counts("applied") + counts("exists") + counts("given up"), answers.join()).toBe(52);
        expect(await effects.of(request.requestId)).toBe(1);
        expect(await store.find("acme", request.requestId)).toMatchObject({ state: "succeeded" });
      }
    } finally {
      await effects.close();
    }
  });

  it("of 200 notifications each is taken by one process", async () => {
    await workers[0]?.notifications(100); // of the halts before
    for (let n = 0; n < 10; n++) {
      await Promise.all(Array.from({ length: 20 }, (_, m) => made(store, `told-${n}-${m}`, "review", { runId: null })));
    }
    const taken = (await Promise.all(workers.map((worker) => worker.notifications(7)))).flat();
    expect(new Set(taken).size).toBe(200);
    expect(taken).toHaveLength(200);
  });

  /** The world of these effects: a table beside the receipts. */
  async function openEffects(): Promise<{ of(id: string): Promise<number>; close(): Promise<void> }> {
    const { address } = place;
    if (address.kind === "sqlite") {
      const database = new DatabaseSync(address.path);
      database.exec("CREATE TABLE effect (id TEXT) STRICT");
      const count = database.prepare("SELECT COUNT(*) AS n FROM effect WHERE id = ?");
      return { of: async (id) => Number(count.get(id)?.n), close: async () => database.close() };
    }
    const client = new pg.Client({ connectionString: address.url });
    await client.connect();
    await client.query("CREATE TABLE effect (id text)");
    return {
      of: async (id) => Number((await client.query("SELECT COUNT(*) AS n FROM effect WHERE id = $1", [id])).rows[0].n),
      close: () => client.end(),
    };
  }
});

function requests(prefix: string, count: number, more: MoreOfClaim) {
  return Array.from({ length: count }, (_, n) =>
    claimRequest(`${prefix}-${n}`, { ownerToken: randomBytes(8).toString("hex"), ...more }),
  );
}
