import { describe, expect, it } from "vitest";
import type { Capability, State } from "../../src/core/receipt.ts";
import type { Answer, Call, Happened } from "./history.ts";
import { contradictionIn } from "./linearizable.ts";

const OPEN = Number.POSITIVE_INFINITY;

function call(kind: Call["kind"], from: number, to: number, answer: Answer | null): Call {
  return { requestId: "r", by: `p${from}`, kind, from, to, answer, thrown: null };
}

const told = (
  status: Answer["status"],
  state: Answer["state"],
  version: number,
  fence = 1,
  effect: number | null = null,
): Answer => ({ status, state, version, fence, effect });
const executed = (from: number, to: number, version = 2, fence = 1, effect = 7) =>
  call("execute", from, to, told("executed", "succeeded", version, fence, effect));
const replayed = (from: number, to: number, version = 2, fence = 1, effect = 7) =>
  call("execute", from, to, told("replayed", "succeeded", version, fence, effect));
const answered = (status: NonNullable<Answer["status"]>, from: number, to: number, version: number, fence = 1) =>
  call(
    "execute",
    from,
    to,
    told(
      status,
      ({ in_progress: "running", retry_later: "retry_wait" } as Record<string, State>)[status] ?? (status as State),
      version,
      fence,
    ),
  );
const killed = (from: number) => call("execute", from, OPEN, null);
const read = (from: number, to: number, state: State | "absent", version: number, fence = 1) =>
  call("receipt", from, to, told(null, state, version, fence));
const absent = (from: number, to: number) => read(from, to, "absent", 0, 0);
const effect = (from: number, to: number, fence = 1, number = 7): Happened => ({
  requestId: "r",
  number,
  fence,
  from,
  to,
});

function history(capability: Capability, calls: readonly Call[], effects: readonly Happened[] = []): string | null {
  return contradictionIn({ requestId: "r", capability, calls, effects });
}

describe("histories that one request can have", () => {
  const VALID: Record<string, [Capability, Call[], Happened[]]> = {
    "nobody has heard anything": ["none", [killed(1), killed(2)], []],
    "executed, then replayed and read": [
      "none",
      [executed(1, 5), replayed(6, 7), read(8, 9, "succeeded", 2)],
      [effect(2, 3)],
    ],
    "two at once, and either is told that it executed": ["none", [executed(1, 9), replayed(0, 8)], [effect(3, 4)]],
    "a read that overlaps the claim sees nothing yet": [
      "none",
      [executed(1, 10), absent(2, 9), read(3, 4, "running", 1)],
      [effect(5, 6)],
    ],
    "nothing before anybody has asked": ["none", [absent(1, 2), executed(3, 6)], [effect(4, 5)]],
    "killed after the effect, found by the probe": [
      "probe",
      [killed(1), answered("in_progress", 4, 5, 1), answered("in_doubt", 8, 9, 2), replayed(10, 12, 3)],
      [effect(2, 3)],
    ],
    "killed after the effect, which a person is asked about": [
      "none",
      [killed(1), answered("in_doubt", 8, 9, 2), answered("review", 10, 12, 3), read(13, 14, "review", 3)],
      [effect(2, 3)],
    ],
    "killed before it was sent, and sent after the probe": [
      "probe",
      [killed(1), answered("in_doubt", 4, 5, 2), executed(6, 12, 5, 2)],
      [effect(8, 9, 2)],
    ],
    "sent again under its key, and the first send was the effect": [
      "downstream_key",
      [killed(1), executed(6, 12, 4, 2), replayed(7, 13, 4, 2)],
      [effect(2, 3, 1)],
    ],
    "the effect of a killed call arrives while the next one is under way": [
      "downstream_key",
      [killed(1), executed(6, 12, 4, 2)],
      [effect(2, 11, 1)],
    ],
    "late evidence after a person was asked": [
      "none",
      [killed(1), answered("review", 4, 5, 3), replayed(8, 9, 4)],
      [effect(2, 3)],
    ],
    "rejected, tried again, done": [
      "none",
      [answered("retry_later", 1, 4, 2), read(5, 6, "retry_wait", 2), executed(7, 12, 4, 2)],
      [effect(9, 10, 2)],
    ],
    "failed for good": ["none", [answered("failed", 1, 4, 2), answered("failed", 5, 6, 2)], []],
    "an effect in the store's own database, whose time nobody knows": [
      "transaction",
      [killed(1), read(4, 5, "retry_wait", 2), executed(6, 9, 4, 2)],
      [effect(0, OPEN, 0)],
    ],
    "the same by the third attempt, of which only a replay tells": [
      "transaction",
      [killed(1), read(4, 5, "running", 3, 2), replayed(9, 10, 6, 3)],
      [effect(0, OPEN, 0)],
    ],
    "a doubt that brings the answer of the effect": [
      "none",
      [call("execute", 1, 5, told("in_doubt", null, 0, 0, 7)), answered("in_doubt", 6, 7, 2)],
      [effect(2, 3)],
    ],
  };
  it.each(Object.entries(VALID))("%s", (_, [capability, calls, effects]) => {
    expect(history(capability, calls, effects)).toBeNull();
    // The order in which they were written down says nothing.
    expect(history(capability, calls.toReversed(), effects)).toBeNull();
  });
});

describe("histories that no request can have", () => {
  const PLANTED: Record<string, [Capability, Call[], Happened[]]> = {
    "two callers hear that they executed": ["none", [executed(1, 5), executed(2, 6)], [effect(3, 4)]],
    "it happens twice": ["probe", [executed(1, 9, 5, 2)], [effect(2, 3, 1, 7), effect(6, 7, 2, 8)]],
    "it happens twice, and nobody hears of it": [
      "none",
      [killed(1), killed(9)],
      [effect(2, 3, 1, 7), effect(12, 13, 2, 8)],
    ],
    "another result in a replay": ["none", [executed(1, 5), replayed(6, 7, 2, 1, 8)], [effect(2, 3)]],
    "executed, and it has not happened": ["none", [executed(1, 5)], []],
    "executed before it happened": ["none", [executed(1, 5)], [effect(6, 7)]],
    "failed after it succeeded": ["none", [executed(1, 5), answered("failed", 6, 7, 3)], [effect(2, 3)]],
    "succeeded after it failed": ["none", [answered("failed", 1, 2, 2), replayed(6, 9, 3)], [effect(7, 8)]],
    "failed, and it happened": ["none", [answered("failed", 1, 9, 2)], [effect(3, 4)]],
    "to be retried, and it happened": ["none", [answered("retry_later", 1, 9, 2)], [effect(3, 4)]],
    "a stale read: absent after a success was told": ["none", [executed(1, 5), absent(6, 7)], [effect(2, 3)]],
    "a stale read: running after a success was told": [
      "none",
      [executed(1, 5), read(6, 7, "running", 1)],
      [effect(2, 3)],
    ],
    "a stale read after somebody else's read": [
      "none",
      [killed(1), read(6, 7, "in_doubt", 2), read(8, 9, "running", 1)],
      [],
    ],
    "an acknowledged claim is lost": ["none", [killed(1), read(2, 3, "running", 1), absent(4, 5)], []],
    "the fence goes back": [
      "downstream_key",
      [killed(1), read(2, 3, "running", 3, 2), read(4, 5, "running", 4, 1)],
      [],
    ],
    "a claim that had been made before the call": [
      "none",
      [killed(0), read(1, 2, "running", 1), executed(3, 9)],
      [effect(4, 5)],
    ],
    "a version stands for two states": ["none", [killed(1), read(2, 3, "in_doubt", 2), read(4, 5, "review", 2)], []],
    "sent again without a key": ["none", [killed(1), read(2, 3, "in_doubt", 2), read(4, 5, "running", 3, 2)], []],
    "sent again after the probe had found nothing, by an action without a probe": [
      "downstream_key",
      [killed(1), read(2, 3, "in_doubt", 2), read(4, 5, "retry_wait", 3)],
      [],
    ],
    "it fails out of a doubt that only a person can settle": [
      "none",
      [answered("in_doubt", 1, 3, 2), answered("failed", 4, 5, 3)],
      [],
    ],
    "a review that settles itself": ["probe", [answered("review", 1, 3, 3), answered("failed", 4, 5, 4)], []],
    "it happens while it waits for its retry": [
      "probe",
      [killed(1), read(4, 5, "retry_wait", 3), read(8, 9, "retry_wait", 3)],
      [effect(6, 7)],
    ],
    "it exists before anybody has asked": ["none", [read(1, 2, "running", 1), killed(3)], []],
    "a doubt that brings another answer than the effect's": [
      "none",
      [call("execute", 1, 5, told("in_doubt", null, 0, 0, 8))],
      [effect(2, 3)],
    ],
  };
  it.each(Object.entries(PLANTED))("%s", (_, [capability, calls, effects]) => {
    expect(history(capability, calls, effects)).toContain("fits nowhere");
    expect(history(capability, calls.toReversed(), effects)).toContain("fits nowhere");
  });
});

it("a hundred callers at once, in any order: found quickly, and one wrong answer among them too", () => {
  const crowd = Array.from({ length: 100 }, (_, n) =>
    n === 60 ? executed(n, 500 + n) : replayed(n, 500 + ((n * 37) % 100)),
  );
  const reads = Array.from({ length: 50 }, (_, n) => (n % 2 ? read(n, 450, "running", 1) : absent(n, 400)));
  expect(history("none", [...crowd, ...reads], [effect(300, 310)])).toBeNull();
  expect(history("none", [...crowd, ...reads, absent(650, 660)], [effect(300, 310)])).toContain("absent");
});
