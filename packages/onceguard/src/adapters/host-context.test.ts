import { describe, expect, it } from "vitest";
import { callContext, requireIdentity, requireRule } from "./host-context.ts";

const { signal } = new AbortController();

describe("what the guard is told of a host's call", () => {
  it.each([
    { what: "nothing but an id", option: undefined, ids: { callId: "c1" }, told: {} },
    {
      what: "a scope",
      option: { scope: "chat" },
      ids: { callId: "c1" },
      told: { host: { scope: "chat", callId: "c1" } },
    },
    {
      what: "a scope, and no id",
      option: { scope: "chat" },
      ids: { callId: undefined },
      told: { host: { scope: "chat" } },
    },
    {
      what: "the host's own scope",
      option: {},
      ids: { callId: "c1", scope: "host" },
      told: { host: { scope: "host", callId: "c1" } },
    },
    {
      what: "the program's scope goes first",
      option: { scope: "chat", tenant: "t", actor: "kim", runId: "r" },
      ids: { callId: "c1", scope: "host", signal },
      told: { host: { scope: "chat", callId: "c1" }, tenant: "t", actor: "kim", runId: "r", signal },
    },
    {
      what: "by code",
      option: (call: string) => ({ scope: `chat of ${call}` }),
      ids: { callId: "c1", signal: null },
      told: { host: { scope: "chat of me", callId: "c1" } },
    },
  ])("$what", ({ option, ids, told }) => {
    expect(callContext(option, "me", ids)).toEqual(told);
  });
});

describe("something has to name the intent", () => {
  const host = { scope: "chat", callId: "c1" };
  const key = () => ["A1"];
  it.each([
    { rule: { keyFields: ["order"] }, context: {} },
    { rule: { key }, context: {} },
    { rule: {}, context: { requestId: "r1" } },
    { rule: { riskTier: "side_effecting" as const }, context: { host } },
    { rule: { riskTier: "side_effecting" as const }, context: { contentScope: "chat" } },
    { rule: { riskTier: "safe" as const }, context: {} },
  ])("$rule with $context does", ({ rule, context }) => {
    expect(() => requireIdentity("charge", rule, context)).not.toThrow();
  });

  it.each([
    { rule: {}, context: { host }, says: /irreversible needs a business key/ },
    { rule: { riskTier: "irreversible" as const }, context: { contentScope: "chat" }, says: /irreversible/ },
    { rule: { riskTier: "side_effecting" as const }, context: {}, says: /scope/ },
  ])("$rule with $context does not", ({ rule, context, says }) => {
    const problem = expect.objectContaining({ code: "missing_identity", message: expect.stringMatching(says) });
    expect(() => requireIdentity("charge", rule, context)).toThrow(problem);
  });
});

it("a tool has a rule, or the word safe", () => {
  const rule = { keyFields: ["order"] };
  expect([requireRule("charge", rule), requireRule("charge", "safe")]).toEqual([rule, "safe"]);
  for (const none of [undefined, null, "SAFE", true]) {
    expect(() => requireRule("charge", none as never)).toThrow(expect.objectContaining({ code: "invalid_option" }));
  }
});
