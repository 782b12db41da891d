import { describe, expect, test } from "vitest";
import { certaintyOf, obstacleOf, type Touched, type UndoObstacle } from "./blast-radius.ts";
import type { LogEntry } from "./ports.ts";
import { REDACTED } from "./privacy.ts";
import type { Receipt, State } from "./receipt.ts";

type Certainty = Touched["certainty"] | null;

function record(state: State, more: Partial<Receipt> = {}): Receipt {
  const nothing = { reason: null, conflict: false, mayHaveApplied: false, evidence: null, payload: "{}" };
  return { ...nothing, state, ...more } as Receipt;
}

const CONFLICT = { conflict: true };
const DOUBT = { mayHaveApplied: true };
const SEEN = { evidence: "late" } as const;

describe("whether an effect happened", () => {
  test.each<[State, Partial<Receipt>, Certainty]>([
    ["succeeded", {}, "happened"],
    ["succeeded", CONFLICT, "happened"],
    ["compensating", {}, "happened"],
    ["compensated", {}, "happened"],
    ["expired", { reason: "succeeded" }, "happened"],
    ["expired", { reason: "compensated" }, "happened"],
    ["expired", { reason: "succeeded", ...CONFLICT }, "happened"],
    ["expired", { reason: "failed" }, null],
    ["expired", { reason: "denied" }, null],
    ["expired", { reason: "failed", ...CONFLICT }, "may_have_happened"],
    ["running", {}, "may_have_happened"],
    ["running", SEEN, "happened"],
    ["in_doubt", {}, "may_have_happened"],
    ["in_doubt", SEEN, "happened"],
    ["review", {}, null],
    ["review", DOUBT, "may_have_happened"],
    ["review", CONFLICT, "may_have_happened"],
    ["review", SEEN, "happened"],
    ["retry_wait", {}, null],
    ["retry_wait", DOUBT, "may_have_happened"],
    ["retry_wait", CONFLICT, "may_have_happened"],
    ["retry_wait", SEEN, "happened"],
    ["held", {}, null],
    ["held", CONFLICT, "may_have_happened"],
    ["failed", {}, null],
    ["failed", CONFLICT, "may_have_happened"],
    ["failed", DOUBT, "may_have_happened"],
    ["denied", {}, null],
    ["denied", CONFLICT, "may_have_happened"],
  ])("%s with %j: %s", (state, more, certainty) => {
    expect(certaintyOf(record(state, more))).toBe(certainty);
  });
});

describe("what keeps an effect from being undone", () => {
  const entry = (before: string | null, after: string | null): LogEntry =>
    ({ seq: 1, at: 1, event: "success", state: "succeeded", before, after }) as LogEntry;
  const WHOLE = [entry('{"a":1}', '{"a":2}')];

  test.each<[string, Receipt, readonly LogEntry[], UndoObstacle | null]>([
    ["nothing, where the record after it is known", record("succeeded"), WHOLE, null],
    ["nothing, where the record was not there before", record("succeeded"), [entry("null", "{}")], null],
    ["that it has been", record("compensated"), WHOLE, "already_undone"],
    ["that it is being", record("compensating"), WHOLE, "already_undone"],
    ["that it has been, also where that is forgotten", record("compensated", { payload: null }), [], "already_undone"],
    ["that it is forgotten", record("expired", { reason: "succeeded" }), WHOLE, "forgotten"],
    ["that its payload is gone", record("succeeded", { payload: null }), WHOLE, "forgotten"],
    ["a contradiction", record("succeeded", CONFLICT), WHOLE, "conflict"],
    ["a contradiction, first of all", record("failed", CONFLICT), WHOLE, "conflict"],
    ["that it is open", record("in_doubt"), WHOLE, "not_settled"],
    ["that nobody read the record after it", record("succeeded"), [entry("1", null)], "after_unknown"],
    [
      "a field that the log does not have, and would not put back",
      record("succeeded"),
      [entry(JSON.stringify({ card: REDACTED }), "{}")],
      "redacted",
    ],
    [
      "nothing, where a text only mentions the word",
      record("succeeded"),
      [entry(JSON.stringify({ note: `was ${REDACTED}` }), "{}")],
      null,
    ],
  ])("%s", (_what, receipt, history, obstacle) => {
    expect(obstacleOf(receipt, history)).toBe(obstacle);
  });
});
