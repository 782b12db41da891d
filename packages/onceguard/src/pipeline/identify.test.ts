import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type ActionOptions, type CallContext, defineAction } from "../core/action.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import type { JsonValue } from "../core/json.ts";
import { deriveRequestId } from "../core/request-id.ts";
import { DEFAULT_JSON_LIMITS } from "../core/strict-json.ts";
import { checkRecord } from "./check-record.ts";
import { sha256 } from "./digest.ts";
import { identify } from "./identify.ts";
import { propose } from "./propose.ts";

type Options = Partial<ActionOptions<"pay", unknown, JsonValue, unknown>>;

const pay = (more: Options = {}) =>
  defineAction<"pay", unknown, unknown, JsonValue>({
    name: "pay",
    riskTier: "side_effecting",
    execute: () => 1,
    ...more,
  });
const valid = (payload: JsonValue) => ({ payload, canonical: canonicalJson(payload) });
const of = (options: Options, context: CallContext = {}, payload: JsonValue = { id: "A1", note: "please" }) =>
  identify(pay(options), valid(payload), context);
const id = (...parts: string[]) => deriveRequestId(sha256, "default", "pay", parts);

describe("the identity ladder, best rung first", () => {
  const everything: CallContext = { requestId: "r1", host: { scope: "thread", callId: "c1" } };

  test("a business key, whatever else the call says; the explicit id is kept beside it", () => {
    for (const options of [{ keyFields: ["id"] }, { key: () => ["A1"] }]) {
      expect(of(options, everything)).toMatchObject({
        requestId: id("A1"),
        keySource: "business_key",
        explicitId: "r1",
      });
      expect(of(options)).toMatchObject({ requestId: id("A1"), explicitId: null });
    }
  });

  test("an explicit id that is the business key's own is no second one", () => {
    expect(of({ keyFields: ["id"] }, { requestId: id("A1") })).toMatchObject({ requestId: id("A1"), explicitId: null });
  });

  test("an explicit id is itself", () => {
    expect(of({}, everything)).toMatchObject({ requestId: "r1", keySource: "explicit", explicitId: null });
  });

  test("the host's call, in its scope", () => {
    const { host } = everything;
    expect(of({}, { ...(host && { host }) })).toMatchObject({
      requestId: id("host_call", "thread", "c1"),
      keySource: "host_call",
    });
    // Where the host says that its calls are told by content, its call ids are not asked.
    expect(of({}, { ...(host && { host }), contentScope: "window" })).toMatchObject({ keySource: "content" });
  });

  test("the content, in the scope that it counts in, without its prose", () => {
    const content = (scope: string) => id("content", scope, '{"id":"A1"}');
    const volatile = ["note"];
    expect(of({ volatile })).toMatchObject({ requestId: content(""), keySource: "content" });
    expect(of({ volatile }, { host: { scope: "thread" } })).toMatchObject({ requestId: content("thread") });
    expect(of({ volatile }, { host: { scope: "thread" }, contentScope: "window" })).toMatchObject({
      requestId: content("window"),
    });
  });

  test("what is irreversible takes one of the first two", () => {
    const input = z.any() as never;
    expect(() => of({ riskTier: "irreversible", input })).toThrow(
      expect.objectContaining({ code: "missing_identity", fields: { action: "pay", riskTier: "irreversible" } }),
    );
    expect(of({ riskTier: "irreversible", input }, { requestId: "r1" })).toMatchObject({ keySource: "explicit" });
  });
});

describe("a key of one's own", () => {
  test.each<[string, readonly unknown[]]>([
    ["is empty", []],
    ["has an empty part", ["A1", ""]],
    ["lacks a part", ["A1", undefined]],
    ["has a null in it", [null, "A1"]],
    ["is no list", "A1" as never],
  ])("that %s identifies nothing", (_what, parts) => {
    expect(() => of({ key: () => parts as never })).toThrow(
      expect.objectContaining({ code: "missing_key_field", fields: { action: "pay" } }),
    );
  });

  test("may be of numbers and flags, zero and false included", () => {
    expect(of({ key: () => ["A1", 0, false] })).toMatchObject({ requestId: id("A1", "0", "false") });
  });
});

describe("what is known of a call", () => {
  test("is nothing that nobody has said", () => {
    const nothing = {
      recordId: null,
      runId: null,
      actor: null,
      hostScope: null,
      hostCallId: null,
      traceId: null,
      cause: null,
    };
    expect(of({})).toMatchObject({
      ...nothing,
      tenant: "default",
      amount: null,
      boundTo: null,
      expected: null,
      tx: undefined,
    });
  });

  test("is who, where and why", () => {
    const context = {
      runId: "run",
      actor: "ada",
      host: { scope: "t", callId: "c" },
      traceId: "x",
      cause: "redelivery",
      tenant: "acme",
    } as const;
    expect(of({ record: () => "order:1", amount: () => 5, case: () => ({ id: "case:1" }) }, context)).toMatchObject({
      ...{
        runId: "run",
        actor: "ada",
        hostScope: "t",
        hostCallId: "c",
        traceId: "x",
        cause: "redelivery",
        tenant: "acme",
      },
      ...{ recordId: "order:1", amount: 5, boundTo: { id: "case:1", outcome: null } },
    });
  });

  test.each<[string, Options, CallContext, object]>([
    ["a cause that only the guard finds out", {}, { cause: "first" as never }, { what: "cause" }],
    ["an expectation of a record that is not read", {}, { expected: { state: "open" } }, { what: "expected" }],
    ["an empty run", {}, { runId: "" }, { what: "runId", problem: "empty" }],
    ["an empty actor", {}, { actor: "" }, { what: "actor", problem: "empty" }],
    ["an empty tenant", {}, { tenant: "" }, { what: "tenant", problem: "empty" }],
    ["an empty trace", {}, { traceId: "" }, { what: "traceId", problem: "empty" }],
    ["an empty scope", {}, { host: { scope: "" } }, { what: "host.scope", problem: "empty" }],
    ["an empty call id", {}, { host: { scope: "t", callId: "" } }, { what: "host.callId", problem: "empty" }],
    ["a record without a name", { record: () => "" }, {}, { what: "record", problem: "empty" }],
    ["a case without a name", { case: () => ({ id: "" }) }, {}, { what: "case", problem: "empty" }],
  ])("is not %s", (_what, options, context, fields) => {
    expect(() => of(options, { requestId: "r1", ...context })).toThrow(
      expect.objectContaining({ code: "invalid_context", fields }),
    );
  });

  test("is recorded without what is redacted, and as it is otherwise", () => {
    expect(of({ privacy: { redact: ["note"] } })).toMatchObject({
      recorded: '{"id":"A1","note":"[redacted]"}',
      canonical: '{"id":"A1","note":"please"}',
    });
    expect(of({})).toMatchObject({ recorded: '{"id":"A1","note":"please"}' });
  });
});

describe("a payload that does not fit", () => {
  const input = z.object({ order: z.object({ lines: z.array(z.object({ sku: z.string() })) }) });
  const proposed = (payload: unknown, schema: unknown = input, limits = DEFAULT_JSON_LIMITS) =>
    propose(pay({ input: schema as never }), payload, limits);

  test("is told where, and the first place in words", async () => {
    await expect(proposed({ order: { lines: [{ sku: 1 }, { sku: "x" }, {}] } })).rejects.toMatchObject({
      code: "payload_invalid",
      message: expect.stringContaining('action "pay": order.lines.0.sku: '),
      fields: { action: "pay", issues: [{ path: "order.lines.0.sku" }, { path: "order.lines.2.sku" }] },
    });
  });

  test.each<[string, object, string, string]>([
    [
      "in objects, as the standard allows",
      { message: "no", path: [{ key: "order" }, "id"] },
      "order.id",
      "order.id: no",
    ],
    ["nowhere in particular", { message: "no" }, "", "$: no"],
  ])("%s", async (_what, issue, path, words) => {
    const schema = { "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [issue] }) } };
    await expect(proposed({}, schema)).rejects.toMatchObject({
      message: expect.stringContaining(words),
      fields: { issues: [{ path, message: "no" }] },
    });
  });

  test("for no reason at all is told all the same", async () => {
    const schema = { "~standard": { version: 1, vendor: "test", validate: async () => ({ issues: [] }) } };
    await expect(proposed({}, schema)).rejects.toMatchObject({
      code: "payload_invalid",
      fields: { action: "pay", issues: [] },
    });
  });

  test("what a schema makes of it has to be as small as what came in", async () => {
    const schema = {
      "~standard": { version: 1, vendor: "test", validate: () => ({ value: { text: "x".repeat(99) } }) },
    };
    await expect(proposed({}, schema, { maxBytes: 50, maxDepth: 4 })).rejects.toMatchObject({
      code: "payload_too_large",
    });
    expect(
      await proposed(
        { a: 1 },
        { "~standard": { version: 1, vendor: "t", validate: () => ({ value: { b: 2, a: 1 } }) } },
      ),
    ).toEqual({
      ...{ payload: { b: 2, a: 1 }, canonical: '{"a":1,"b":2}' },
    });
  });
});

describe("a record that the caller names", () => {
  const order = pay({ record: (payload) => `order:${(payload as { id: string }).id}` });
  const refused = (message: string) => ({
    code: "invalid_context",
    fields: { what: "record_id" },
    message: expect.stringContaining(message),
  });

  test("is a check: it has to be the one that the action says", async () => {
    await checkRecord(order, { payload: { id: "1" }, record_id: "order:1" });
    await expect(checkRecord(order, { payload: { id: "2" }, record_id: "order:1" })).rejects.toMatchObject(
      refused('record "order:2"'),
    );
  });

  test("says nothing to an action without records", async () => {
    await expect(checkRecord(pay(), { payload: {}, record_id: "order:1" })).rejects.toMatchObject(
      refused("names no record"),
    );
  });

  test("is not looked at where none is named, the action is unknown, or the payload does not fit", async () => {
    await checkRecord(order, { payload: { id: "2" } });
    await checkRecord(undefined, { record_id: "order:1" });
    const strict = pay({ input: z.object({ id: z.string() }) as never, record: () => "order:9" });
    await checkRecord(strict, { payload: {}, record_id: "order:1" });
    await expect(checkRecord(strict, { payload: { id: "1" }, record_id: "order:1" })).rejects.toMatchObject(
      refused('record "order:9"'),
    );
    const throwing = pay({
      record: () => {
        throw new Error("no id");
      },
    });
    await checkRecord(throwing, { record_id: "order:1" });
  });
});
