import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { type ActionOptions, capabilityOf, DEFAULT_TIMEOUT_MS, defineAction, promiseOf } from "./action.ts";
import type { ProviderContract } from "./provider-contract.ts";
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
      version: "1",
      record: null,
      serialize: false,
      dedup: null,
      amount: null,
      case: null,
      expect: null,
      before: null,
      after: null,
      compensate: null,
      preciseDispatch: false,
      privacy: null,
      transaction: false,
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
      version: "2026-01",
      serialize: true,
      amount: () => 500,
      case: () => ({ id: "match-7", outcome: "YES" }),
      before: () => ({ state: "open" }),
      expect: () => true,
      preciseDispatch: true,
    };
    expect(
      define({
        ...given,
        riskTier: "side_effecting",
        dedupWindow: { window: "2h", limit: 3, behaviour: "hold" },
        settleDelay: "2s",
        timeout: 1_500,
        retry: { maxAttempts: 2, maxElapsed: "1m", base: "10ms", cap: "1s" },
        downstreamKey: { lifetime: "24h", margin: "1h" },
      }),
    ).toMatchObject({
      ...given,
      riskTier: "side_effecting",
      dedup: { windowMs: 7_200_000, limit: 3, behaviour: "hold" },
      settleDelayMs: 2_000,
      timeoutMs: 1_500,
      retry: { maxAttempts: 2, maxElapsedMs: 60_000, baseMs: 10, capMs: 1_000 },
      downstreamKey: { lifetimeMs: 86_400_000, marginMs: 3_600_000 },
    });
  });

  test("keeps a tenth of a key's lifetime clear unless told otherwise", () => {
    expect(define({ downstreamKey: { lifetime: 1_000 } }).downstreamKey).toEqual({
      lifetimeMs: 1_000,
      marginMs: 100,
      repeatsErrors: false,
      provider: null,
    });
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

describe("the loop filter", () => {
  const record = () => "order:A1";

  test.each<[object, unknown]>([
    [{}, null],
    [{ dedupWindow: "none" }, "none"],
    [
      { dedupWindow: "24h", record },
      { windowMs: 86_400_000, limit: 1, behaviour: "skip" },
    ],
    [
      { dedupWindow: 1_500, record },
      { windowMs: 1_500, limit: 1, behaviour: "skip" },
    ],
    [
      { dedupWindow: 0, record },
      { windowMs: 0, limit: 1, behaviour: "skip" },
    ],
    [
      { dedupWindow: { window: "1m" }, record },
      { windowMs: 60_000, limit: 1, behaviour: "skip" },
    ],
    [
      { dedupWindow: { window: "1m", limit: 7 }, record },
      { windowMs: 60_000, limit: 7, behaviour: "skip" },
    ],
    [
      { dedupWindow: { window: 5, behaviour: "hold" }, record },
      { windowMs: 5, limit: 1, behaviour: "hold" },
    ],
    [
      { dedupWindow: { window: 5, behaviour: "skip" }, record },
      { windowMs: 5, limit: 1, behaviour: "skip" },
    ],
  ])("of %j is %j", (more, dedup) => {
    expect(define(more).dedup).toEqual(dedup);
  });

  test.each<[string, object]>([
    ["a limit of none", { window: "1m", limit: 0 }],
    ["half a limit", { window: "1m", limit: 1.5 }],
    ["a limit that is a text", { window: "1m", limit: "2" }],
    ["an unknown behaviour", { window: "1m", behaviour: "deny" }],
    // Otherwise what was to be held for a person is skipped without a word.
    ["a misspelt behaviour", { window: "1m", behavior: "hold" }],
    ["a misspelt limit", { window: "1m", limits: 3 }],
  ])("refuses %s", (_what, dedupWindow) => {
    expect(() => define({ dedupWindow, record })).toThrow(error("invalid_action", { action: "refund" }));
  });

  test.each([["soon"], [-1], [{ window: "soon" }], [{ limit: 2 }], [{ window: Number.NaN }]])(
    "names the option of a bad window: %j",
    (dedupWindow) => {
      expect(() => define({ dedupWindow, record })).toThrow(error("invalid_option", { option: "refund.dedupWindow" }));
    },
  );
});

describe("what needs something else", () => {
  const record = () => "order:A1";

  test.each<[object, RegExp]>([
    [{ serialize: true }, /serialize needs record/],
    [{ dedupWindow: "24h" }, /dedupWindow needs record/],
    [{ dedupWindow: 0 }, /dedupWindow needs record/],
    [{ dedupWindow: { window: "1m", behaviour: "hold" } }, /dedupWindow needs record/],
    [{ expect: () => true }, /expect needs before/],
  ])("%j is refused without it", (more, problem) => {
    expect(() => define(more)).toThrow(error("invalid_action", { action: "refund" }));
    expect(() => define(more)).toThrow(problem);
  });

  test.each<[object]>([
    [{ serialize: true, record }],
    [{ serialize: false }],
    [{ dedupWindow: "24h", record }],
    [{ dedupWindow: "none" }],
    [{ expect: () => true, before: () => 1 }],
    [{ before: () => 1 }],
  ])("%j is taken", (more) => {
    expect(define(more).name).toBe("refund");
  });
});

describe("a transaction", () => {
  const record = () => "order:A1";

  test("is all that the action needs: one commit decides", () => {
    for (const riskTier of ["side_effecting", "irreversible"]) {
      expect(define({ transaction: true, riskTier })).toMatchObject({
        transaction: true,
        probe: null,
        downstreamKey: null,
      });
    }
  });

  test.each<[string, object]>([
    ["probe", { probe: () => ({ answer: "cannot_tell" }) }],
    ["downstreamKey", { downstreamKey: { lifetime: "24h" } }],
    ["preciseDispatch", { preciseDispatch: true }],
    ["serialize", { serialize: true, record }],
  ])("excludes %s", (other, more) => {
    expect(() => define({ transaction: true, ...more })).toThrow(error("invalid_action"));
    expect(() => define({ transaction: true, ...more })).toThrow(`transaction and ${other} exclude each other`);
    expect(define({ transaction: false, ...more }).transaction).toBe(false);
    expect(define(more).transaction).toBe(false);
  });

  test("goes with everything that is about the claim and not about the effect", () => {
    const more = { dedupWindow: "1h", record, amount: () => 5, case: () => ({ id: "c" }), serialize: false };
    expect(define({ transaction: true, preciseDispatch: false, ...more }).transaction).toBe(true);
  });

  test("needs a claim: a safe action has none", () => {
    expect(() => define({ transaction: true, riskTier: "safe" })).toThrow(error("invalid_action"));
    expect(define({ transaction: false, riskTier: "safe" }).transaction).toBe(false);
  });
});

describe("a provider's contract", () => {
  const contract = (more: Partial<ProviderContract> = {}): ProviderContract => ({
    name: "acme-pay",
    title: "Acme Pay",
    kind: "payments",
    key: { where: "header", covers: "all", lifetime: "24h" },
    onRepeat: "replays",
    onMismatch: "error",
    cachesErrors: "none",
    lookup: { how: "GET /payments", lag: "5s" },
    concurrent: "conflict",
    source: "https://acme.example",
    checked: "2026-01-01",
    ...more,
  });
  const key = (more: Partial<ProviderContract> = {}) => ({
    downstreamKey: { lifetime: "24h", contract: contract(more) },
  });

  test("is kept by its name", () => {
    expect(define(key()).downstreamKey).toMatchObject({ provider: "acme-pay" });
  });

  test.each<[Partial<ProviderContract>, number]>([
    [{}, 5_000],
    [{ lookup: { how: "GET", lag: 250 } }, 250],
    [{ lookup: { how: "GET", lag: 0 } }, 0],
    // Not known is not zero, but then only the action itself can say more.
    [{ lookup: { how: "GET", lag: "unknown" } }, 0],
    [{ lookup: null }, 0],
  ])("says how far a probe's reads lag behind: %j", (more, settleDelayMs) => {
    expect(define(key(more)).settleDelayMs).toBe(settleDelayMs);
  });

  test("the action's own settleDelay goes before that, also where it is none", () => {
    expect(define({ ...key(), settleDelay: "1m" }).settleDelayMs).toBe(60_000);
    expect(define({ ...key(), settleDelay: 0 }).settleDelayMs).toBe(0);
    expect(define({ downstreamKey: { lifetime: "24h" } }).settleDelayMs).toBe(0);
  });

  test.each<[ProviderContract["cachesErrors"], boolean]>([
    ["none", false],
    ["unknown", false],
    ["server_errors", true],
    ["all", true],
  ])("that keeps %s errors repeats them: %s", (cachesErrors, repeatsErrors) => {
    expect(define(key({ cachesErrors })).downstreamKey).toMatchObject({ repeatsErrors });
  });
});

test("the business key comes from fields or from code", () => {
  const key = () => ["A1"];
  expect(define({ key })).toMatchObject({ key, keyFields: null });
  expect(define({ keyFields: ["orderId"] })).toMatchObject({ key: null, keyFields: ["orderId"] });
});

test("an attempt takes a minute at most, unless the action says otherwise", () => {
  expect(define({}).timeoutMs).toBe(60_000);
});

test("a misspelt option of its retry is an error, too", () => {
  expect(() => define({ retry: { maxAttempt: 3 } })).toThrow(error("invalid_action", { action: "refund" }));
  expect(() => define({ retry: { maxAttempt: 3 } })).toThrow(
    'retry takes maxAttempts, maxElapsed, base, cap, and not "maxAttempt"',
  );
});

test.each<[object, string]>([
  [{ name: "re fund" }, "its name must be 1 to 128 letters, digits or _ - . : /"],
  [{ riskTier: "dangerous" }, "riskTier must be one of safe, side_effecting, irreversible"],
  [{ execute: 1 }, "execute must be a function"],
  [{ key: () => ["A1"], keyFields: ["orderId"] }, "give either key or keyFields, not both"],
  [{ keyFields: [] }, "keyFields is empty"],
  [{ keyFields: ["note"], volatile: ["note"] }, '"note" is in keyFields and in volatile'],
  [{ input: { parse: () => 1 } }, "input must be a Standard Schema"],
  [{ downstreamKey: { lifetime: 5, margin: 5 } }, "downstreamKey.margin must be shorter than its lifetime"],
  [{ retry: { maxAttempts: 0 } }, "retry.maxAttempts must be a whole number from 1"],
  [{ dedupWindow: { window: 5, limit: 0 }, record: () => "r" }, "dedupWindow.limit must be a whole number from 1"],
  [{ dedupWindow: { window: 5, behaviour: "x" }, record: () => "r" }, "dedupWindow.behaviour must be skip or hold"],
  [{ dedupWindow: { window: 5, limits: 2 }, record: () => "r" }, 'window, limit and behaviour, and not "limits"'],
  [{ transaction: true, riskTier: "safe" }, "a safe action has no claim that a transaction could include"],
])("says what is wrong in words: %j", (more, words) => {
  expect(() => define(more)).toThrow(words);
  expect(() => define(more)).toThrow(error("invalid_action", { problem: expect.stringContaining(words) }));
});

test("an action without a schema is told which ones there are", () => {
  expect(() => define({ input: undefined })).toThrow(/"refund" is irreversible and has no input schema.*zod, valibot/);
});

test("a misspelt option is an error that names what there is", () => {
  expect(() => define({ dedupwindow: "24h" })).toThrow(error("invalid_action", { action: "refund" }));
  expect(() => define({ dedupwindow: "24h" })).toThrow(
    /"dedupwindow" is no option of an action; there are .*dedupWindow/,
  );
});

describe("compensate", () => {
  const [before, after, undo, probe] = [() => 1, () => 2, () => 3, () => ({ answer: "cannot_tell" }) as const];

  test("a function, or one with what settles its doubt", () => {
    expect(define({ compensate: undo }).compensate).toEqual({ execute: undo, downstreamKey: null, probe: null });
    const whole = define({ compensate: { execute: undo, probe, downstreamKey: { lifetime: "24h" } } });
    expect(whole.compensate).toMatchObject({ execute: undo, probe, downstreamKey: { lifetimeMs: 86_400_000 } });
  });

  test("has the record read after the effect as before it, unless after says how", () => {
    expect(define({ before }).after).toBe(null);
    expect(define({ before, compensate: undo }).after).toBe(before);
    expect(define({ before, after, compensate: undo }).after).toBe(after);
    expect(define({ compensate: undo }).after).toBe(null);
  });

  test("anything else is an error", () => {
    expect(() => define({ compensate: { execute: undo, prob: probe } as never })).toThrow(error("invalid_action"));
    expect(() => define({ compensate: {} as never })).toThrow(error("invalid_action"));
  });
});

test("capabilityOf: what the action declares, and nothing by itself", () => {
  const probe = () => ({ answer: "cannot_tell" }) as const;
  const downstreamKey = { lifetime: "24h" };
  expect(
    [{}, { probe }, { downstreamKey }, { probe, downstreamKey }].map((more) => capabilityOf(define(more))),
  ).toEqual(["none", "probe", "downstream_key", "probe_and_downstream_key"]);
  expect(capabilityOf(define({ transaction: true }))).toBe("transaction");
});

test("promiseOf: in exactly the words of semantics.md section 2", () => {
  expect(promiseOf("safe", "probe")).toBe("may repeat");
  expect(promiseOf("safe", "transaction")).toBe("may repeat");
  for (const tier of ["side_effecting", "irreversible"] as const) {
    expect((["none", "probe", "downstream_key"] as const).map((one) => promiseOf(tier, one))).toEqual([
      "at most once; a crash becomes a question",
      "effectively once; at most once if the probe never answers",
      "effectively once inside the key's lifetime; at most once after it",
    ]);
    expect(promiseOf(tier, "probe_and_downstream_key")).toBe(
      "effectively once; at most once after the key's lifetime if the probe never answers",
    );
    expect(promiseOf(tier, "transaction")).toBe("exactly once");
  }
});
