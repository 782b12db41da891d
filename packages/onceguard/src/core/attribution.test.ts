import { describe, expect, test } from "vitest";
import {
  attributionOf,
  CALLER_CAUSES,
  type Caller,
  type CallerCause,
  causeOfRepeat,
  type Origin,
} from "./attribution.ts";

const NOWHERE: Origin = { runId: null, hostScope: null, hostCallId: null, traceId: null };

describe("why a call came again", () => {
  const first = (more: Partial<Origin> & { payload?: string | null } = {}) => ({ ...NOWHERE, payload: "{}", ...more });
  const again = (more: Partial<Caller> & { canonical?: string } = {}) => ({
    ...NOWHERE,
    actor: null,
    cause: null,
    canonical: "{}",
    ...more,
  });
  const call = (hostScope: string | null, hostCallId: string | null) => ({ hostScope, hostCallId });

  test.each(CALLER_CAUSES)("the caller knows best: %s, whatever the ids say", (cause: CallerCause) => {
    expect(causeOfRepeat(first(call("t", "1")), again({ ...call("t", "1"), cause }))).toBe(cause);
  });

  test("the same call of the same host is that host's retry", () => {
    expect(causeOfRepeat(first(call("t", "1")), again(call("t", "1")))).toBe("framework_retry");
    expect(causeOfRepeat(first(call(null, "1")), again(call(null, "1")))).toBe("framework_retry");
  });

  test("another call id, or the same one in another thread, is a model that planned anew", () => {
    expect(causeOfRepeat(first(call("t", "1")), again(call("t", "2")))).toBe("replanned");
    expect(causeOfRepeat(first(call("t", "1")), again(call("u", "1")))).toBe("replanned");
  });

  test("the ids decide before the prose", () => {
    expect(
      causeOfRepeat(first({ ...call("t", "1"), payload: "{}" }), again({ ...call("t", "1"), canonical: "[]" })),
    ).toBe("framework_retry");
  });

  test.each([
    ["neither has an id", null, null],
    ["only the first has one", "1", null],
    ["only the second has one", null, "1"],
  ])("where %s, other prose gives it away, and nothing else does", (_what, one, other) => {
    expect(causeOfRepeat(first(call("t", one)), again({ ...call("t", other), canonical: "[]" }))).toBe("replanned");
    expect(causeOfRepeat(first(call("t", one)), again(call("t", other)))).toBe("unknown");
  });

  test("what has been forgotten can be compared with nothing", () => {
    expect(causeOfRepeat(first({ payload: null }), again({ canonical: "[]" }))).toBe("unknown");
  });
});

test("a record is attributed to whoever made its first call", () => {
  const origin = { runId: "run", hostScope: "thread", hostCallId: "call", traceId: "trace", actor: "ada" };
  const record = { ...origin, payload: "{}", state: "running" };
  expect(attributionOf(record, "first")).toEqual({ ...origin, cause: "first" });
  expect(attributionOf(record, null)).toEqual({ ...origin, cause: null });
});
