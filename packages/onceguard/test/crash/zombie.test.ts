import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogEntry, Outcome, Receipt } from "../../src/index.ts";
import { type Fault, type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import { type ActionName, startWorker, type Worker } from "../support/guarded-worker.ts";
import { createStore, STORE_KINDS } from "../support/test-stores.ts";

// A zombie is paused past its lease (a laptop lid, a stopped container, a long garbage collection) and then goes on as
// if nothing had happened, with the effect in its hands.

let world: FlakyWorld;

beforeAll(async () => {
  world = await startFlakyWorld();
});

afterAll(() => world.stop());

describe.concurrent.each(STORE_KINDS)("on %s, a zombie", (kind) => {
  let store: Awaited<ReturnType<typeof createStore>>;
  let newcomer: Worker;

  beforeAll(async () => {
    store = await createStore(kind);
    newcomer = await startWorker({ store: store.address, world: world.port });
  });

  afterAll(async () => {
    await newcomer.stop();
    await store.remove();
  });

  /** What became of a request: the newcomer's answer, what it left, and all of it again after the zombie went on. */
  interface Story {
    readonly settled: Outcome;
    readonly before: Receipt;
    readonly late: Outcome;
    readonly after: Receipt;
    readonly log: readonly LogEntry[];
  }

  /**
   * Stops a worker in its effect, at the world's `fault`; `meanwhile` a newcomer deals with it; then the world answers
   * and the zombie goes on.
   */
  async function story(
    reference: string,
    action: ActionName,
    fault: Fault,
    meanwhile: () => Promise<Outcome>,
  ): Promise<Story> {
    await world.plan(reference, fault);
    const zombie = await startWorker({ store: store.address, world: world.port, lease: "800ms", deaf: true });
    const outcome = zombie.execute(action, { reference, amount: 500 });
    await world.holding(reference);
    zombie.kill("SIGSTOP");
    const settled = await meanwhile();
    const before = (await newcomer.receipt(reference)) as Receipt;
    await world.release(reference);
    zombie.kill("SIGCONT");
    const late = await outcome;
    expect(await zombie.stop()).toMatchObject({ code: 0, signal: null }); // waits for what it still has to record
    const after = (await newcomer.receipt(reference)) as Receipt;
    return { settled, before, late, after, log: await newcomer.log(reference) };
  }

  const pay = (reference: string, action: ActionName) => newcomer.execute(action, { reference, amount: 500 });

  it("does not overwrite what a probe found", async () => {
    const reference = `${kind}-probe`;
    const { settled, before, late, after, log } = await story(reference, "pay_probe", "hold_reply", () =>
      pay(reference, "pay_probe"),
    );
    expect(settled).toMatchObject({ status: "replayed", receipt: { state: "succeeded", evidence: "probe" } });
    expect(resultOf(late)).toEqual(resultOf(settled));
    expectUntouched(before, after);
    expectLateEvidence(log, 1);
    expect(world.effects(reference)).toHaveLength(1);
  });

  it("does not overwrite what a second send under the same key got", async () => {
    const reference = `${kind}-key`;
    const { settled, before, late, after, log } = await story(reference, "pay_downstream_key", "hold_reply", () =>
      pay(reference, "pay_downstream_key"),
    );
    expect(settled).toMatchObject({ status: "executed", receipt: { state: "succeeded", fencingToken: 2 } });
    expect(resultOf(late)).toEqual(resultOf(settled));
    expectUntouched(before, after);
    expectLateEvidence(log, 1);
    expect(await world.requests(reference)).toBe(2);
    expect(world.effects(reference)).toHaveLength(1);
  });

  it("whose request arrives after the second send under the same key makes no second effect", async () => {
    const reference = `${kind}-key-late-send`;
    const { settled, before, late, after, log } = await story(reference, "pay_downstream_key", "hold_request", () =>
      pay(reference, "pay_downstream_key"),
    );
    expect(settled).toMatchObject({ status: "executed", receipt: { state: "succeeded", fencingToken: 2 } });
    expect(resultOf(late)).toEqual(resultOf(settled));
    expectUntouched(before, after);
    expectLateEvidence(log, 1);
    expect(world.effects(reference)).toHaveLength(1);
  });

  it.for(["hold_reply", "hold_request"] as const)(
    "answers the question that nothing else could (%s)",
    async (fault) => {
      const reference = `${kind}-none-${fault}`;
      const { settled, late, after, log } = await story(reference, "pay_none", fault, () => pay(reference, "pay_none"));
      expect(settled).toMatchObject({ status: "in_doubt", receipt: { state: "in_doubt", mayHaveApplied: true } });
      expectAnsweredLate(reference, late, after, log);
      const [effect] = world.effects(reference);
      expect(await pay(reference, "pay_none")).toMatchObject({
        status: "replayed",
        result: { number: effect?.number },
      });
    },
  );

  it("answers it even when a person was already asked", async () => {
    const reference = `${kind}-review`;
    const { settled, late, after, log } = await story(reference, "pay_none", "hold_reply", async () => {
      await pay(reference, "pay_none");
      return newcomer.reconcile(reference);
    });
    expect(settled).toMatchObject({ status: "review", receipt: { state: "review" } });
    expectAnsweredLate(reference, late, after, log, "review");
  });

  it("that failed for certain leaves the question open: it is not its own any more", async () => {
    const reference = `${kind}-rejected`;
    const { settled, before, after, log } = await story(reference, "pay_none", "hold_reject", () =>
      pay(reference, "pay_none"),
    );
    expect(settled).toMatchObject({ status: "in_doubt" });
    expect(after).toEqual({ ...before, readAt: after.readAt });
    expect(log.at(-1)).toMatchObject({ event: "late_failure", fencingToken: 1 });
    expect(world.effects(reference)).toEqual([]);
  });

  it("that contradicts a person's word keeps the record, and has it looked at", async () => {
    const reference = `${kind}-contradicts`;
    const { settled, before, late, after, log } = await story(reference, "pay_none", "hold_reply", async () => {
      await pay(reference, "pay_none");
      await newcomer.resolve(reference, { decision: "did_not_happen", actor: "ann", reason: "not in the books yet" });
      return pay(reference, "pay_none");
    });
    expect(settled).toMatchObject({
      status: "failed",
      failure: { code: "did_not_happen" },
      receipt: { conflict: false },
    });
    expect(late).toMatchObject({ status: "failed" });
    expect(after).toEqual({ ...before, conflict: true, version: before.version + 1, ...readTimes(after) });
    expectLateEvidence(log, 1);
  });

  /** @param found what the newcomer had made of it. */
  function expectAnsweredLate(
    reference: string,
    late: Outcome,
    after: Receipt,
    log: readonly LogEntry[],
    found: "in_doubt" | "review" = "in_doubt",
  ): void {
    const [effect] = world.effects(reference);
    expect(world.effects(reference)).toHaveLength(1);
    expect(after).toMatchObject({
      state: "succeeded",
      evidence: "late",
      result: { json: JSON.stringify({ number: effect?.number }) },
      fencingToken: 1,
      mayHaveApplied: false,
      conflict: false,
    });
    // What its own caller hears depends on what comes first when it wakes up: the reply, or that its lease is gone, and then
    // it is what the record says.
    expect(["executed", "in_doubt", found]).toContain(late.status);
    if ("result" in late) expect(late.result).toEqual({ number: effect?.number });
    expectLateEvidence(log, 1);
  }
});

/** The record is what it was, to the last field. */
function expectUntouched(before: Receipt, after: Receipt): void {
  expect(after).toEqual({ ...before, readAt: after.readAt });
}

function expectLateEvidence(log: readonly LogEntry[], fencingToken: number): void {
  const late = log.filter(({ event }) => event === "late_success");
  expect(late).toHaveLength(1);
  expect(JSON.parse(late[0]?.detail ?? "{}")).toMatchObject({ fencingToken });
}

function resultOf(outcome: Outcome): unknown {
  return "result" in outcome ? outcome.result : undefined;
}

function readTimes({ readAt, updatedAt }: Receipt): Partial<Receipt> {
  return { readAt, updatedAt };
}
