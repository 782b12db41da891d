import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Decision, Outcome, Receipt } from "../../src/index.ts";
import { CRASH_POINTS, type CrashPoint } from "../../src/testing/crash-points.ts";
import { type Fault, type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import { type ActionName, type Payment, startWorker, type Worker } from "../support/guarded-worker.ts";
import { createStore, STORE_KINDS, type StoreKind } from "../support/test-stores.ts";

/** One way to die. The last point is the one the case is about; a process dies at each, one after the other. */
interface Case {
  readonly points: readonly CrashPoint[];
  /** What the world does first. */
  readonly fault?: Fault;
  /** Effects in the ledger when the last process is dead. */
  readonly effects: 0 | 1;
  /** Whether it is settled without a person where nothing tells what happened; `either` where the race is open. */
  readonly settles?: true | "either";
  /** Only where these capabilities get there. */
  readonly only?: readonly ActionName[];
  /** What the dying process is asked for after the call: to hand it to a person, or what that person said. */
  readonly next?: "reconcile" | Decision["decision"];
}

const CASES: readonly Case[] = [
  { points: ["before_claim_sent"], effects: 0, settles: true },
  { points: ["claim_in_flight"], effects: 0, settles: "either" },
  { points: ["claim_sent_ack_lost"], effects: 0 },
  { points: ["after_claim_before_dispatch"], effects: 0 },
  { points: ["in_effect_before_send"], effects: 0 },
  { points: ["in_effect_after_commit_before_reply"], effects: 1 },
  { points: ["after_reply_before_record"], effects: 1 },
  { points: ["record_in_flight"], effects: 1, settles: "either" },
  { points: ["record_sent_ack_lost"], effects: 1, settles: true },
  { points: ["recorded_caller_not_told"], effects: 1, settles: true },
  { points: ["during_retry_wait"], fault: "reject_transient", effects: 0, settles: true },
  { points: ["in_doubt_recorded"], fault: "lose_reply", effects: 1 },
  { points: ["in_doubt_recorded"], fault: "drop_request", effects: 0 },
  { points: ["in_effect_after_commit_before_reply", "lapse_recorded"], effects: 1 },
  { points: ["in_effect_before_send", "lapse_recorded"], effects: 0 },
  { points: ["during_probe"], fault: "lose_reply", effects: 1, only: ["pay_probe"] },
  { points: ["during_probe"], fault: "drop_request", effects: 0, only: ["pay_probe"] },
  { points: ["in_effect_after_commit_before_reply", "during_probe"], effects: 1, only: ["pay_probe"] },
  { points: ["probe_answered_not_recorded"], fault: "lose_reply", effects: 1, only: ["pay_probe"] },
  { points: ["probe_answered_not_recorded"], fault: "drop_request", effects: 0, only: ["pay_probe"] },
  { points: ["before_resend"], fault: "reject_transient", effects: 0 },
  { points: ["before_resend"], fault: "drop_request", effects: 0, only: ["pay_probe", "pay_downstream_key"] },
  { points: ["before_resend"], fault: "lose_reply", effects: 1, only: ["pay_downstream_key"] },
  { points: ["during_resend"], fault: "reject_transient", effects: 1 },
  { points: ["during_resend"], fault: "drop_request", effects: 1, only: ["pay_probe", "pay_downstream_key"] },
  { points: ["during_resend"], fault: "lose_reply", effects: 1, only: ["pay_downstream_key"] },
  {
    points: ["in_effect_after_commit_before_reply", "before_resend", "during_resend"],
    effects: 1,
    only: ["pay_downstream_key"],
  },
  { points: ["review_recorded"], fault: "lose_reply", effects: 1, only: ["pay_none"], next: "reconcile" },
  {
    points: ["resolved_ack_lost"],
    fault: "lose_reply",
    effects: 1,
    settles: true,
    only: ["pay_none"],
    next: "happened",
  },
  {
    points: ["resolved_ack_lost"],
    fault: "drop_request",
    effects: 0,
    settles: true,
    only: ["pay_none"],
    next: "retry",
  },
  { points: ["resolved_ack_lost"], fault: "drop_request", effects: 0, only: ["pay_none"], next: "did_not_happen" },
];

const ACTIONS: readonly ActionName[] = ["pay_none", "pay_probe", "pay_downstream_key"];

let world: FlakyWorld;
let killed = 0;
const passed = new Map<string, number>();
const total = new Map<string, number>();

beforeAll(async () => {
  world = await startFlakyWorld();
});

afterAll(async () => {
  await world.stop();
  console.log(summary());
});

describe.each(STORE_KINDS)("on %s, whoever dies at", (kind) => {
  let store: Awaited<ReturnType<typeof createStore>>;
  /** Another process, which has seen nothing. */
  let witness: Worker;

  beforeAll(async () => {
    store = await createStore(kind);
    witness = await startWorker({ store: store.address, world: world.port });
  });

  afterAll(async () => {
    await witness.stop();
    await store.remove();
  });

  describe.concurrent("a point", () => {
    for (const [index, one] of CASES.entries()) {
      for (const action of one.only ?? ACTIONS) {
        const row = [one.points.join(", "), one.fault, one.next].filter(Boolean).join("; ");
        const column = `${kind} ${action.slice(4)}`;
        it(`${row}: ${action.slice(4)}`, async () => {
          const cell = `${row}|${column}`;
          total.set(cell, 1);
          await dieAndAskAgain(kind, one, action, index);
          passed.set(cell, 1);
        });
      }
    }
  });

  async function dieAndAskAgain(kind: StoreKind, one: Case, action: ActionName, index: number): Promise<void> {
    const reference = `${kind}-${action}-${index}`;
    const payment = { reference, amount: 500 };
    const effects = () => world.effects(reference);
    if (one.fault) await world.plan(reference, one.fault);

    // Dead at once, or frozen there until somebody kills it: the store must not see a difference.
    for (const point of one.points) await dieAt(point, index % 2 === 0 ? "kill" : "pause", one, action, payment);
    expect(effects()).toHaveLength(one.effects);
    const sent = await world.requests(reference);

    const successor = await startWorker({ store: store.address, world: world.port });
    let told = await successor.execute(action, payment);
    if (told.status === "in_doubt" || told.status === "review") {
      expect([action, one.settles ?? "person"]).toEqual(["pay_none", expect.stringMatching("person|either")]);
      expect(told.receipt?.state).toBe(told.status);
      expect((await successor.reconcile(reference)).status).toBe("review");
      expect(await world.requests(reference), "nothing is sent on a guess").toBe(sent);
      await decideByTheLedger(successor, reference, index % 2 === 0 ? "did_not_happen" : "retry");
      told = await successor.execute(action, payment);
    } else {
      expect(action !== "pay_none" || one.settles !== undefined || one.next === "did_not_happen").toBe(true);
    }
    await successor.stop();

    const replayed = await witness.execute(action, payment);
    if (told.status === "failed") {
      // Only ever because a person said so, and then it is true.
      expect(effects()).toEqual([]);
      expect(told.receipt).toMatchObject({
        state: "failed",
        failure: expect.objectContaining({ code: "did_not_happen" }),
      });
      expect(replayed).toEqual({ ...told, receipt: readAgain(told.receipt, replayed) });
      return;
    }
    expect(effects()).toHaveLength(1);
    expect(told).toMatchObject({
      status: expect.stringMatching(/^(executed|replayed)$/),
      receipt: { state: "succeeded" },
    });
    expect(told).toMatchObject({ result: { number: effects()[0]?.number } });
    expect(replayed).toEqual({ ...told, status: "replayed", receipt: readAgain(told.receipt, replayed) });
  }

  async function dieAt(
    point: CrashPoint,
    stop: "kill" | "pause",
    one: Case,
    action: ActionName,
    payment: Payment,
  ): Promise<void> {
    const doomed = await startWorker({ store: store.address, world: world.port, crash: point, stop, lease: "800ms" });
    const end = goOn(doomed, one, action, payment).then(
      () => "it went past the point",
      () => doomed.ended,
    );
    void doomed.printed(`REACHED ${point}`).then(
      () => doomed.kill("SIGKILL"),
      () => undefined,
    );
    expect(await end).toEqual({ code: null, signal: "SIGKILL", printed: [`REACHED ${point}`] });
    killed++;
  }

  it("leaves nothing behind: every record is settled, and says what the ledger says", async () => {
    expect(await witness.reconcileDue()).toEqual({ moved: [], left: [] });
    const receipts = (await witness.receipts()).map(({ requestId, state, conflict }) => ({
      requestId,
      state,
      conflict,
    }));
    const happened = world
      .effects()
      .map((effect) => effect.reference)
      .filter((reference) => reference.startsWith(kind));
    expect(new Set(happened).size, "duplicates").toBe(happened.length);
    expect(receipts.filter(({ state }) => state !== "failed").sort(byId)).toEqual(
      happened.map((requestId) => ({ requestId, state: "succeeded", conflict: false })).sort(byId),
    );
  });
});

it("has a case for every crash point", () => {
  expect(CRASH_POINTS.filter((point) => !CASES.some(({ points }) => points.includes(point)))).toEqual([]);
});

async function goOn(doomed: Worker, { next }: Case, action: ActionName, payment: Payment): Promise<void> {
  await doomed.execute(action, payment);
  if (next === "reconcile") await doomed.reconcile(payment.reference);
  else if (next) await decideByTheLedger(doomed, payment.reference, next);
}

/** A person looks into the ledger and decides by what is there; `otherwise` when nothing is. */
async function decideByTheLedger(worker: Worker, reference: string, otherwise: Decision["decision"]): Promise<void> {
  const [effect] = world.effects(reference);
  await worker.resolve(reference, {
    actor: "ann",
    reason: "looked into the ledger",
    expectedVersion: (await worker.receipt(reference))?.version ?? 0,
    ...(effect ? { decision: "happened", result: { number: effect.number } } : { decision: otherwise }),
  });
}

/** The same record, as another process read it later. */
function readAgain(receipt: Receipt | null, later: Outcome): Receipt | null {
  return receipt && { ...receipt, readAt: later.receipt?.readAt ?? 0 };
}

function byId(a: { readonly requestId: string }, b: { readonly requestId: string }): number {
  return a.requestId.localeCompare(b.requestId);
}

function summary(): string {
  const columns = STORE_KINDS.flatMap((kind) => ACTIONS.map((action) => `${kind} ${action.slice(4)}`));
  const rows = [...new Set([...total.keys()].map((cell) => cell.split("|")[0] as string))];
  const width = Math.max(...rows.map((row) => row.length));
  const mark = (row: string, column: string) => {
    const cell = `${row}|${column}`;
    return (total.has(cell) ? (passed.has(cell) ? "ok" : "FAILED") : "-").padEnd(column.length);
  };
  return [
    `${"".padEnd(width)}  ${columns.join("  ")}`,
    ...rows.map((row) => `${row.padEnd(width)}  ${columns.map((column) => mark(row, column)).join("  ")}`),
    `crash matrix: ${passed.size} of ${total.size} cells passed, ${killed} processes killed`,
  ].join("\n");
}
