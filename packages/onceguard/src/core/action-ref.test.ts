import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { actionRef, actionRefVersion, verifyActionRef } from "./action-ref.ts";

// The published vectors are in test/conformance/action-ref.test.ts; here is what they leave open.

const sha256 = (text: string) => createHash("sha256").update(text, "utf8").digest("hex");
const preimage = {
  agent_id: "safeagent-prod",
  action_type: "erc20_transfer",
  scope: "req-001",
  timestamp: "2026-06-28T10:00:00.000Z",
};
const V1 = "bd9d4d341695bba61c5c04f7fc3c16869dfe1fc33e09f21728ae6b19e522e99b";

describe("actionRef, strict", () => {
  test.each([
    ["2024-02-29", true],
    ["2000-02-29", true],
    ["2023-02-29", false],
    ["1900-02-29", false],
  ])("%s is a day: %s", (day, exists) => {
    expect(actionRef({ ...preimage, timestamp: `${day}T10:00:00.000Z` }, { sha256 }).ok).toBe(exists);
  });

  test("of the texts only the scope has to say something", () => {
    expect(actionRef({ ...preimage, agent_id: "", action_type: "" }, { sha256 }).ok).toBe(true);
  });

  test("a reference is the whole text", () => {
    for (const text of [` ${V1}`, `${V1} `, ` v2:${V1}`, `v2:${V1} `]) expect(actionRefVersion(text)).toBeUndefined();
  });

  test("hashes the four fields whatever their order", () => {
    expect(actionRef(preimage, { sha256 })).toEqual({ ok: true, actionRef: V1 });
    const reversed = Object.fromEntries(Object.entries(preimage).reverse());
    expect(actionRef(reversed, { sha256 })).toEqual({ ok: true, actionRef: V1 });
  });

  test("v2 marks itself and never collides with v1", () => {
    const v2 = actionRef(preimage, { sha256, version: "v2" });
    expect(v2).toEqual({ ok: true, actionRef: expect.stringMatching(/^v2:[0-9a-f]{64}$/) });
    expect(v2).not.toEqual({ ok: true, actionRef: `v2:${V1}` });
  });

  test.each([
    ["a field too many", { ...preimage, request_id: "r" }, "request_id", "unexpected_field"],
    ["a field that is not text", { ...preimage, agent_id: 7 }, "agent_id", "not_a_string"],
    ["an epoch integer", { ...preimage, timestamp: 1782640800000 }, "timestamp", "not_a_string"],
    ["an epoch integer as text", { ...preimage, timestamp: "1782640800000" }, "timestamp", "not_canonical_form"],
    ["an accent", { ...preimage, action_type: "café" }, "action_type", "not_ascii"],
    ["an empty scope", { ...preimage, scope: "" }, "scope", "empty"],
    ["no object", [preimage], "preimage", "not_an_object"],
    ["null", null, "preimage", "not_an_object"],
  ])("rejects %s", (_what, value, field, reason) => {
    expect(actionRef(value, { sha256 })).toEqual({ ok: false, field, reason });
  });

  test.each(["agent_id", "action_type", "scope", "timestamp"])("rejects a missing %s", (field) => {
    const partial = Object.fromEntries(Object.entries(preimage).filter(([key]) => key !== field));
    expect(actionRef(partial, { sha256 })).toEqual({ ok: false, field, reason: "missing" });
    const inherited = Object.create(preimage) as Record<string, string>;
    expect(actionRef(inherited, { sha256 })).toMatchObject({ ok: false, reason: "missing" });
  });

  test.each([
    "2026-02-29T00:00:00.000Z",
    "1900-02-29T00:00:00.000Z",
    "2026-04-31T00:00:00.000Z",
    "2026-00-10T00:00:00.000Z",
    "2026-13-10T00:00:00.000Z",
    "2026-01-00T00:00:00.000Z",
    "2026-01-01T24:00:00.000Z",
    "2026-01-01T00:60:00.000Z",
    "2026-12-31T23:59:60.000Z",
    "0000-01-01T00:00:00.000Z",
  ])("rejects %s, which no calendar has", (timestamp) => {
    expect(actionRef({ ...preimage, timestamp }, { sha256 })).toEqual({
      ok: false,
      field: "timestamp",
      reason: "no_such_instant",
    });
  });

  test.each([
    "2026-01-01T00:00:00.000Z\n",
    " 2026-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00.0000Z",
    "٢٠٢٦-01-01T00:00:00.000Z",
  ])("rejects the form %j", (timestamp) => {
    expect(actionRef({ ...preimage, timestamp }, { sha256 })).toMatchObject({ reason: "not_canonical_form" });
  });

  test("accepts exactly the instants that a Date writes", () => {
    const date = fc.date({
      min: new Date("0001-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59.999Z"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(date, (d) => {
        expect(actionRef({ ...preimage, timestamp: d.toISOString() }, { sha256 }).ok).toBe(true);
      }),
    );
    const two = (max: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(2, "0"));
    const parts = fc.tuple(fc.integer({ min: 1, max: 9999 }), two(14), two(33), two(25), two(61), two(61));
    fc.assert(
      fc.property(parts, ([year, month, day, hour, minute, second]) => {
        const timestamp = `${String(year).padStart(4, "0")}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
        const parsed = new Date(timestamp);
        const exists = !Number.isNaN(parsed.getTime()) && parsed.toISOString() === timestamp;
        expect(actionRef({ ...preimage, timestamp }, { sha256 }).ok).toBe(exists);
      }),
    );
  });
});

test("lenient hashes any object as it is, as SafeAgent does", () => {
  const loose = { agent_id: "agentur-zürich", scope: "", timestamp: 1 };
  const canonical = '{"agent_id":"agentur-zürich","scope":"","timestamp":1}';
  expect(actionRef(loose, { sha256, mode: "lenient" })).toEqual({ ok: true, actionRef: sha256(canonical) });
  expect(actionRef("text", { sha256, mode: "lenient" })).toMatchObject({ ok: false, reason: "not_an_object" });
});

test("the version is read from the text alone", () => {
  expect(actionRefVersion(V1)).toBe("v1");
  expect(actionRefVersion(`v2:${V1}`)).toBe("v2");
  const none = [
    "",
    `v3:${V1}`,
    V1.toUpperCase(),
    `${V1}\n`,
    `v2:${V1}\n`,
    V1.slice(1),
    `sha256:${V1}`,
    `V2:${V1}`,
    `g${V1.slice(1)}`,
  ];
  for (const text of none) expect(actionRefVersion(text)).toBeUndefined();
});

describe("verifyActionRef", () => {
  test("holds for both versions", () => {
    for (const version of ["v1", "v2"] as const) {
      const made = actionRef(preimage, { sha256, version });
      expect(made.ok && verifyActionRef(made.actionRef, preimage, { sha256 })).toEqual(made);
    }
  });

  test("says which of the three things is wrong", () => {
    expect(verifyActionRef("not a reference", preimage, { sha256 })).toEqual({
      ok: false,
      field: "action_ref",
      reason: "unknown_version",
    });
    expect(verifyActionRef(V1, { ...preimage, scope: "req-002" }, { sha256 })).toEqual({
      ok: false,
      field: "action_ref",
      reason: "recompute_mismatch",
    });
    expect(verifyActionRef(V1, { ...preimage, scope: "" }, { sha256 })).toEqual({
      ok: false,
      field: "scope",
      reason: "empty",
    });
  });

  test("outside the domain nothing is hashed at all", () => {
    const never = (): string => {
      throw new Error("hashed");
    };
    expect(verifyActionRef(V1, { ...preimage, timestamp: 1 }, { sha256: never })).toMatchObject({ ok: false });
  });

  test("any change of any field is a mismatch", () => {
    const text = fc.string({ unit: "binary-ascii", minLength: 1 });
    fc.assert(
      fc.property(fc.constantFrom("agent_id", "action_type", "scope"), text, (field, value) => {
        const same = preimage[field as keyof typeof preimage] === value;
        expect(verifyActionRef(V1, { ...preimage, [field]: value }, { sha256 }).ok).toBe(same);
      }),
    );
  });
});
