import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Outcome } from "../../src/index.ts";
import { type Fault, type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import { type ActionName, startWorker, type Worker } from "../support/guarded-worker.ts";
import { createStore, STORE_KINDS } from "../support/test-stores.ts";

// Dying anywhere, also between the points that have a name: in the middle of a commit, of a batch, of a page of the log.

const LIVES = 20;
const PAYMENTS_PER_LIFE = 40;
const CALLERS = 8;

const ACTIONS: readonly ActionName[] = ["pay_none", "pay_probe", "pay_downstream_key"];
const FAULTS: readonly (Fault | null)[] = [null, null, "lose_reply", "drop_request", "reject_transient"];

let world: FlakyWorld;

beforeAll(async () => {
  world = await startFlakyWorld();
});

afterAll(() => world.stop());

it.concurrent.for(STORE_KINDS)(
  `on %s, a process that is killed ${LIVES} times at random moments duplicates and loses nothing`,
  async (kind) => {
    const store = await createStore(kind);
    const options = { store: store.address, world: world.port };
    const payments = Array.from({ length: LIVES * PAYMENTS_PER_LIFE }, (_, n) => ({
      action: ACTIONS[n % ACTIONS.length] as ActionName,
      payment: { reference: `${kind}-${n}`, amount: n },
      fault: FAULTS[n % FAULTS.length] ?? null,
    }));
    for (const { payment, fault } of payments) if (fault) await world.plan(payment.reference, fault);

    const told = new Map<string, Outcome>();
    const hear = (outcome: Outcome) => {
      if (outcome.status !== "executed" && outcome.status !== "replayed") return;
      const earlier = told.get(outcome.requestId);
      if (earlier) expect(essence(outcome)).toEqual(essence(earlier));
      told.set(outcome.requestId, outcome);
    };

    let interrupted = 0;
    for (let life = 0; life < LIVES; life++) {
      const doomed = await startWorker({ ...options, lease: "800ms", wait: "200ms" });
      // Its own share, and after every second one something from an earlier life.
      const own = payments.slice(life * PAYMENTS_PER_LIFE, (life + 1) * PAYMENTS_PER_LIFE);
      const earlier = payments.slice(0, life * PAYMENTS_PER_LIFE).sort(() => Math.random() - 0.5);
      const queue = own.flatMap((one, n) => (n % 2 === 0 ? [one] : [one, ...earlier.splice(0, 1)]));
      let answersLeft = 1 + Math.floor((Math.random() * queue.length) / 2);
      const enough = Promise.withResolvers<void>();
      const callers = Array.from({ length: CALLERS }, async () => {
        for (let next = queue.shift(); next; next = queue.shift()) {
          hear(await doomed.execute(next.action, next.payment));
          if (--answersLeft === 0) enough.resolve();
        }
      });
      await enough.promise;
      await sleep(Math.random() * 5);
      doomed.kill("SIGKILL");
      expect((await doomed.ended).signal).toBe("SIGKILL");
      for (const caller of await Promise.allSettled(callers)) {
        if (caller.status === "fulfilled") continue;
        expect(String(caller.reason)).toContain("the worker has ended");
        interrupted++;
      }
    }
    expect(interrupted).toBeGreaterThan(LIVES);

    const survivor = await startWorker(options);
    const doubts = await settleAll(survivor, payments, hear);
    expect(await survivor.reconcileDue()).toEqual({ moved: [], left: [] });
    const receipts = await survivor.receipts();
    await survivor.stop();

    const witness = await startWorker(options);
    for (const { action, payment } of payments) hear(await witness.execute(action, payment));
    await witness.stop();

    const happened = world.effects().filter((effect) => effect.reference.startsWith(`${kind}-`));
    expect(happened.map((effect) => effect.reference).sort()).toEqual([...told.keys()].sort());
    const succeeded = receipts.filter(({ state }) => state === "succeeded").map(({ requestId }) => requestId);
    expect(succeeded.sort()).toEqual([...told.keys()].sort());
    expect(receipts.filter(({ state }) => state !== "succeeded")).toEqual(
      doubts.closed.map(() =>
        expect.objectContaining({ state: "failed", failure: expect.objectContaining({ code: "did_not_happen" }) }),
      ),
    );
    expect(succeeded.length + doubts.closed.length).toBe(payments.length);
    if (store.address.kind === "sqlite") expect(integrityOf(store.address.path)).toBe("ok");
    console.log(
      `random kills on ${kind}: ${LIVES} kills, ${interrupted} of ${payments.length} calls interrupted; ` +
        `0 duplicates, 0 lost receipts; a person was asked ${doubts.asked} times`,
    );
    await store.remove();
  },
);

/** Everything to its end; a person looks into the ledger where nothing else can tell. */
async function settleAll(
  survivor: Worker,
  payments: readonly { action: ActionName; payment: { reference: string; amount: number } }[],
  hear: (outcome: Outcome) => void,
): Promise<{ asked: number; closed: string[] }> {
  const queue = [...payments];
  const closed: string[] = [];
  let asked = 0;
  const settle = async (action: ActionName, payment: { reference: string; amount: number }) => {
    const { reference } = payment;
    const outcome = await survivor.execute(action, payment);
    hear(outcome);
    if (outcome.status === "executed" || outcome.status === "replayed") return;
    expect([outcome.status, action]).toEqual(["in_doubt", "pay_none"]);
    const [effect] = world.effects(reference);
    asked++;
    await survivor.resolve(reference, {
      actor: "ann",
      reason: "looked into the ledger",
      ...(effect ? { decision: "happened", result: { number: effect.number } } : { decision: "did_not_happen" }),
    });
    const settled = await survivor.execute(action, payment);
    hear(settled);
    if (!effect) closed.push(reference);
    expect(settled.status).toBe(effect ? "replayed" : "failed");
  };
  const callers = Array.from({ length: 32 }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await settle(next.action, next.payment);
  });
  await Promise.all(callers);
  return { asked, closed };
}

/** What every replay must repeat. */
function essence(outcome: Outcome): unknown {
  const { status: _, ...rest } = outcome;
  return { ...rest, receipt: outcome.receipt && { ...outcome.receipt, readAt: 0 } };
}

function integrityOf(path: string): unknown {
  const database = new DatabaseSync(path);
  const row = database.prepare("PRAGMA integrity_check").get() as { integrity_check: string };
  database.close();
  return row.integrity_check;
}
