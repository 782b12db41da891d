import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { type ActionOptions, capabilityOf, DEFAULT_TIMEOUT_MS, defineAction, promiseOf } from "./action.ts";
import { DEFAULT_RETRY } from "./retry.ts";

const input = z.object({ orderId: z.string(), amount: z.number() });
const execute = () => ({ id: "re_1" });

const define = (more: object) =>
  defineAction({ name: "refund", input, execute, ...more } as ActionOptions<string, unknown, unknown, unknown>);
const error = (code: string, fields: object = {}) =>
  expect.objectContaining({ name: "OnceguardError", code, fields: expect.objectContaining(fields) });

describe("defineAction", () => {
  test("fills in the defaults, the careful ones", () => {
    expect(define({})).toEqual({
      name: "refund",
      riskTier: "irreversible",
      input,
      record: null,
      keyFields: null,
      key: null,
      volatile: [],
      downstreamKey: null,
      probe: null,
      settleDelayMs: 0,
      timeoutMs: DEFAULT_TIMEOUT_MS,
      retry: DEFAULT_RETRY,
      noEffectOn: [],
      classify: undefined,
      execute,
    });
  });

  test("keeps what it is given, durations in ms", () => {
    const given = {
      record: () => "order:A1",
      keyFields: ["orderId"],
      volatile: ["note"],
      probe: () => ({ answer: "cannot_tell" }) as const,
      noEffectOn: [503],
      classify: () => undefined,
    };
    expect(
      define({
        ...given,
        riskTier: "side_effecting",
        settleDelay: "2s",
        timeout: 1_500,
        retry: { maxAttempts: 2, maxElapsed: "1m", base: "10ms", cap: "1s" },
        downstreamKey: { lifetime: "24h", margin: "1h" },
      }),
    ).toMatchObject({
      ...given,
      riskTier: "side_effecting",
      settleDelayMs: 2_000,
      timeoutMs: 1_500,
      retry: { maxAttempts: 2, maxElapsedMs: 60_000, baseMs: 10, capMs: 1_000 },
      downstreamKey: { lifetimeMs: 86_400_000, marginMs: 3_600_000 },
    });
  });

  test("keeps a tenth of a key's lifetime clear unless told otherwise", () => {
    expect(define({ downstreamKey: { lifetime: 1_000 } }).downstreamKey).toEqual({ lifetimeMs: 1_000, marginMs: 100 });
    expect(define({ downstreamKey: { lifetime: 1_000, margin: 0 } }).downstreamKey?.marginMs).toBe(0);
  });

  test("lets the result's and the payload's type through", () => {
    const action = defineAction({ name: "refund", input, execute: (payload) => ({ paid: payload.amount }) });
    expectTypeOf(action.name).toEqualTypeOf<"refund">();
    expectTypeOf(action.execute).returns.toEqualTypeOf<{ paid: number } | Promise<{ paid: number }>>();
  });

  test.each([
    ["zod", input],
    ["valibot", v.object({ orderId: v.string() })],
  ])("takes a schema of %s", (_library, schema) => {
    expect(define({ input: schema }).input).toBe(schema);
  });

  test.each<[string, object]>([
    ["an empty name", { name: "" }],
    ["a name with a space", { name: "re fund" }],
    ["a name of 129 letters", { name: "x".repeat(129) }],
    ["no name", { name: undefined }],
    ["an unknown tier", { riskTier: "dangerous" }],
    ["no execute", { execute: "refund" }],
    ["key and keyFields", { key: () => ["A1"], keyFields: ["orderId"] }],
    ["no key fields", { keyFields: [] }],
    ["a key field that is prose", { keyFields: ["orderId", "note"], volatile: ["note"] }],
    ["a schema that is none", { input: { parse: () => 1 } }],
    ["a schema of another shape", { input: { "~standard": {} } }],
    ["a margin as long as the lifetime", { downstreamKey: { lifetime: "1h", margin: "1h" } }],
    ["no attempts", { retry: { maxAttempts: 0 } }],
    ["half an attempt", { retry: { maxAttempts: 1.5 } }],
  ])("refuses %s", (_what, more) => {
    expect(() => define(more)).toThrow(error("invalid_action"));
  });

  test.each(["x".repeat(128), "crm.update", "mcp:server/tool-1_a", "ä"])(
    "takes the name %j, or says why not",
    (name) => {
      if (name === "ä") expect(() => define({ name })).toThrow(error("invalid_action", { action: "ä" }));
      else expect(define({ name }).name).toBe(name);
    },
  );

  test("an irreversible action has an input schema", () => {
    expect(() => define({ input: undefined })).toThrow(error("schema_required", { action: "refund" }));
    for (const riskTier of ["safe", "side_effecting"]) expect(define({ riskTier, input: undefined }).input).toBeNull();
  });

  test.each<[object, string]>([
    [{ timeout: "soon" }, "refund.timeout"],
    [{ timeout: -1 }, "refund.timeout"],
    [{ settleDelay: Number.NaN }, "refund.settleDelay"],
    [{ retry: { base: "x" } }, "refund.retry.base"],
    [{ retry: { cap: "x" } }, "refund.retry.cap"],
    [{ retry: { maxElapsed: "x" } }, "refund.retry.maxElapsed"],
    [{ downstreamKey: { lifetime: "a day" } }, "refund.downstreamKey.lifetime"],
    [{ downstreamKey: { lifetime: "1d", margin: "x" } }, "refund.downstreamKey.margin"],
  ])("names the option of a bad duration: %j", (more, option) => {
    expect(() => define(more)).toThrow(error("invalid_option", { option }));
  });
});

test("capabilityOf: what the action declares, and nothing by itself", () => {
  const probe = () => ({ answer: "cannot_tell" }) as const;
  const downstreamKey = { lifetime: "24h" };
  expect(
    [{}, { probe }, { downstreamKey }, { probe, downstreamKey }].map((more) => capabilityOf(define(more))),
  ).toEqual(["none", "probe", "downstream_key", "probe_and_downstream_key"]);
});

test("promiseOf: in exactly the words of semantics.md section 2", () => {
  expect(promiseOf("safe", "probe")).toBe("may repeat");
  for (const tier of ["side_effecting", "irreversible"] as const) {
    expect((["none", "probe", "downstream_key"] as const).map((one) => promiseOf(tier, one))).toEqual([
      "at most once; a crash becomes a question",
      "effectively once; at most once if the probe never answers",
      "effectively once inside the key's lifetime; at most once after it",
    ]);
    expect(promiseOf(tier, "probe_and_downstream_key")).not.toMatch(/exactly/);
  }
});
