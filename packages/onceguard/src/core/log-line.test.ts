import { describe, expect, test } from "vitest";
import type { Start } from "./claim.ts";
import { type Transition, transition } from "./lifecycle.ts";
import { firstLine, haltLine, lineOf, lineWithoutRecord, transitionLine } from "./log-line.ts";
import type { Receipt } from "./receipt.ts";

const BY = { runId: "run", hostScope: "thread", hostCallId: "call", traceId: "trace", actor: "agent" };
const ABOUT = { tenant: "acme", requestId: "r", action: "pay", recordId: "order:1" };
const AS_IT_STANDS = { state: "running", version: 3, fencingToken: 2, attemptNumber: 2 } as const;
const RECORD = { ...ABOUT, ...BY, ...AS_IT_STANDS, payload: '{"secret":1}', hold: null } as unknown as Receipt;

describe("a line of the log", () => {
  test("is about a record as it stands, by whoever made its first call, and has no payload", () => {
    const nothing = { before: null, after: null, detail: null };
    expect(lineOf(RECORD, "drift")).toEqual({
      ...ABOUT,
      ...BY,
      cause: null,
      event: "drift",
      ...AS_IT_STANDS,
      ...nothing,
    });
  });

  test("says what is particular to it, and names somebody else where somebody else did it", () => {
    const other = { ...BY, actor: "ada", cause: "human" } as const;
    expect(lineOf(RECORD, "before", { before: "1", fencingToken: 1 }, other)).toMatchObject({
      before: "1",
      after: null,
      fencingToken: 1,
      actor: "ada",
      cause: "human",
    });
  });

  test.each<[Start, string, "first" | null]>([
    [{ state: "running", leaseMs: 1 }, "claim", "first"],
    [{ state: "held", hold: {} as never, dueInMs: 1 }, "hold", null],
    [{ state: "retry_wait" }, "enqueue", null],
    [{ state: "in_doubt", sentFrom: 1, sentUntil: 2 }, "doubt", null],
  ])("of a record that begins with %j is %s; only a claim is an attempt", (start, event, cause) => {
    expect(firstLine({ start }, RECORD)).toMatchObject({ event, cause, actor: "agent", version: 3 });
  });

  test("of a transition shows the record that it has made, and who did it", () => {
    const event = { type: "success", result: null, before: "1", after: "2" } as never;
    const change = transition(RECORD, event, "token", { ...BY, actor: "sweeper", cause: "sweeper" }) as Transition;
    expect(transitionLine(change, { ...RECORD, state: "succeeded", version: 4 })).toMatchObject({
      ...{ event: "success", state: "succeeded", version: 4 },
      ...{ before: "1", after: "2", detail: null },
      ...{ actor: "sweeper", cause: "sweeper" },
    });
  });

  test("about a request without a record has no state, and counts nothing", () => {
    const unrecorded = { state: null, version: 0, fencingToken: 0, attemptNumber: 0, before: null, after: null };
    const about = { ...ABOUT, ...BY, cause: "replanned" } as const;
    expect(lineWithoutRecord(about, "refused", "{}")).toEqual({
      ...about,
      ...unrecorded,
      event: "refused",
      detail: "{}",
    });
  });

  test.each([
    ["run", { runId: "x", action: null }],
    ["action", { runId: null, action: "x" }],
    ["tenant", { runId: null, action: null }],
  ] as const)("of a halted %s is found under what it halts, and by nobody's host or trace", (scope, found) => {
    const line = haltLine({ tenant: "acme", scope, id: "x", reason: "why", actor: "ada" }, "halted");
    expect(line).toMatchObject({
      ...found,
      tenant: "acme",
      event: "halted",
      actor: "ada",
      requestId: null,
      recordId: null,
    });
    expect(line).toMatchObject({ hostScope: null, hostCallId: null, traceId: null, cause: null });
    expect(JSON.parse(line.detail ?? "")).toEqual({ scope, id: "x", reason: "why" });
  });
});
