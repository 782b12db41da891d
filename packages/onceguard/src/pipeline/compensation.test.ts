import { describe, expect, test } from "vitest";
import { type TestOptions, testGuard } from "../../test/support/guard.ts";
import { type ActionOptions, type CompensationContext, defineAction } from "../core/action.ts";
import { idempotencyKey } from "../core/idempotency-key.ts";
import type { Receipt } from "../core/receipt.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { isCompensation } from "./compensation.ts";
import { sha256 } from "./digest.ts";

// Undoing one effect: a guarded request of its own, on the same record, only where that is still as the effect left it.

interface Flag {
  readonly id: string;
}
type Options = Partial<ActionOptions<"flag", Flag, Flag, unknown>>;

/** One shipment, its action, and what its undoing was handed. */
function shipment(more: Options = {}, options: TestOptions = {}) {
  const world = { priority: "normal" };
  const undone: CompensationContext<unknown>[] = [];
  const flag = defineAction<"flag", unknown, Flag>({
    name: "flag",
    riskTier: "side_effecting",
    keyFields: ["id"],
    record: ({ id }) => `shipment:${id}`,
    before: () => ({ ...world }),
    retry: { base: "1m", cap: "1m", maxAttempts: 2 },
    execute: () => {
      world.priority = "high";
      return { ticket: 7 };
    },
    compensate: (_payload, context) => {
      undone.push(context);
      world.priority = "normal";
    },
    ...more,
  });
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const made = testGuard([flag], { ...options, clock, store });
  const undo = async () => {
    const { requestId } = await made.guard.execute("flag", { id: "s1" }, { runId: "run-1" });
    const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
    const report = await made.settle(made.guard.correct(plan, { actor: "ada", reason: "wrong rule", token }));
    const [undoing] = await made.guard.receipts({ action: "flag~undo" });
    return {
      requestId,
      report,
      undoing: undoing as Receipt,
      original: (await made.guard.receipt(requestId)) as Receipt,
    };
  };
  return { ...made, flag, world, undone, undo };
}

const lost = () => {
  throw new Error("socket hang up");
};

test("only the undoing of an action is one", () => {
  expect([isCompensation("flag~undo"), isCompensation("flag"), isCompensation(null)]).toEqual([true, false, false]);
});

describe("an undoing", () => {
  test("is handed the effect that it undoes: its request, its key, its result, and the record around it", async () => {
    const { undo, undone } = shipment();
    const { requestId, original, undoing } = await undo();
    expect(undone).toMatchObject([
      {
        of: { requestId, idempotencyKey: idempotencyKey(sha256, "default", requestId, 1) },
        ...{ result: { ticket: 7 }, before: { priority: "normal" }, after: { priority: "high" } },
        ...{ requestId: undoing.requestId, recordId: "shipment:s1", fencingToken: 1 },
      },
    ]);
    expect(original).toMatchObject({ state: "compensated" });
    expect(undoing).toMatchObject({ state: "succeeded", recordId: "shipment:s1", riskTier: "side_effecting" });
  });

  test("of an effect without a record has one of its own, and nothing to compare", async () => {
    const { undo, undone } = shipment({ record: undefined as never, before: undefined as never });
    const { requestId, report, undoing } = await undo();
    // Nobody has read what it was like, so nothing says that it may be undone.
    expect(report.rows).toMatchObject([{ requestId }]);
    expect([undone.length, undoing]).toEqual([0, undefined]);
  });

  test("says what it was, in its turn on the record, marked before it is sent", async () => {
    const { undo, guard } = shipment();
    const { undoing } = await undo();
    expect((await guard.log(undoing.requestId)).map(({ event }) => event)).toEqual(["claim", "dispatch", "success"]);
    expect(undoing).toMatchObject({ dispatched: true, capability: "probe" });
  });

  test("classifies what goes wrong as its action does", async () => {
    const { undo } = shipment({
      classify: () => ({ certainty: "definite", tier: "conflict", code: "locked", message: "It is locked." }),
      compensate: lost,
    });
    const { original, undoing } = await undo();
    expect(undoing).toMatchObject({ state: "review", failure: { code: "locked" } });
    // A person decides about the undoing first.
    expect(original).toMatchObject({ state: "compensating" });
  });

  test("that certainly failed puts the request before a person, in its own words", async () => {
    const { undo } = shipment({
      classify: () => ({ certainty: "definite", tier: null, code: "gone", message: "It has left the port." }),
      compensate: lost,
    });
    const { original, undoing } = await undo();
    expect(undoing).toMatchObject({ state: "failed" });
    expect(original).toMatchObject({ state: "review", reason: "It has left the port.", route: "operator" });
  });

  test("that a person denies puts the request before a person, too", async () => {
    const rules = [{ action: "flag~undo", verdict: "review", reason: "every undo" }] as const;
    const { undo, guard, undone } = shipment({}, { rules });
    const { requestId, undoing } = await undo();
    expect([undoing.state, (await guard.receipt(requestId))?.state]).toEqual(["held", "compensating"]);
    await guard.deny(undoing.requestId, { actor: "bob", reason: "it was right" });
    expect(await guard.receipt(requestId)).toMatchObject({ state: "review", reason: "it was right" });
    expect(undone).toEqual([]);
  });

  test("is not made where somebody else has changed the record since", async () => {
    const made = shipment();
    await made.guard.execute("flag", { id: "s1" }, { runId: "run-1" });
    const { plan, token } = await made.guard.blastRadius({ runId: "run-1" });
    made.world.priority = "low";
    await made.settle(made.guard.correct(plan, { actor: "ada", reason: "wrong rule", token }));
    expect([made.undone.length, made.world.priority]).toEqual([0, "low"]);
    const [undoing] = await made.guard.receipts({ action: "flag~undo" });
    expect(undoing).toMatchObject({ state: "review", failure: { code: "unexpected_state", tier: "conflict" } });
  });
});

describe("an undoing whose answer is lost", () => {
  test("is nobody's to judge when the record is neither as before nor as after", async () => {
    const made = shipment({
      compensate: () => {
        made.world.priority = "low";
        return lost();
      },
    });
    const { undoing, original } = await made.undo();
    expect(undoing).toMatchObject({ state: "in_doubt", mayHaveApplied: true });
    expect(original).toMatchObject({ state: "compensating" });
  });

  test("nor when the effect had left the record as it was", async () => {
    const made = shipment({ execute: () => ({ ticket: 7 }), compensate: lost });
    const { undoing } = await made.undo();
    expect(undoing).toMatchObject({ state: "in_doubt" });
  });

  test("is settled by its own probe where it has one, which is handed the same", async () => {
    const asked: CompensationContext<unknown>[] = [];
    const made = shipment({
      compensate: {
        execute: () => {
          made.world.priority = "low";
          return lost();
        },
        probe: (_payload, context) => {
          asked.push(context);
          return { answer: "happened", result: null };
        },
      },
    });
    const { requestId, undoing, original } = await made.undo();
    expect(asked).toMatchObject([{ of: { requestId }, after: { priority: "high" }, result: { ticket: 7 } }]);
    expect([undoing.state, original.state]).toEqual(["succeeded", "compensated"]);
  });

  test("is sent again under its own key where the other side dedupes that", async () => {
    const keys: string[] = [];
    const made = shipment({
      compensate: {
        downstreamKey: { lifetime: "1d" },
        execute: (_payload, { idempotencyKey }) => {
          keys.push(idempotencyKey);
          if (keys.length === 1) {
            made.world.priority = "low";
            lost();
          }
        },
      },
    });
    const { undoing, requestId } = await made.undo();
    expect(undoing).toMatchObject({ capability: "probe_and_downstream_key" });
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).not.toBe(idempotencyKey(sha256, "default", requestId, 1));
  });
});

test("what is private in the action is private in its undoing, and compared as the log has it", async () => {
  const made = shipment({ privacy: { redact: ["pin"] }, before: () => ({ ...made.world, pin: `${Math.PI}` }) });
  const { requestId } = await made.guard.execute("flag", { id: "s1" }, { runId: "run-1" });
  const { rows } = await made.guard.blastRadius({ runId: "run-1" });
  // It would be written back as it was logged.
  expect(rows).toMatchObject([{ receipt: { requestId }, obstacle: "redacted" }]);
});
