import { describe, expect, it } from "vitest";
import type { Failure } from "./failure.ts";
import { checkPrivacy, type Privacy, redacted, withoutPrivate } from "./privacy.ts";

const rules = (redact: string[], encrypt: string[] | "all" = []): Privacy =>
  checkPrivacy({ redact, encrypt }, "pay") as Privacy;

const failed = (message: string): Failure => ({ certainty: "indefinite", tier: "transient", code: "x", message });

describe("redacted", () => {
  it("takes a field by its name at any depth, whatever is in it, and leaves the rest", () => {
    const payload = { cvv: "123", card: { cvv: [1, 2], brand: "visa" }, items: [{ cvv: null, sku: "a" }], note: "cvv" };
    expect(redacted(payload, rules(["cvv"]))).toEqual({
      cvv: "[redacted]",
      card: { cvv: "[redacted]", brand: "visa" },
      items: [{ cvv: "[redacted]", sku: "a" }],
      note: "cvv",
    });
  });

  it("takes a path by its end: `customer.email` is another than `email`", () => {
    const payload = { email: "a@x", customer: { email: "b@x" }, order: { customer: { email: "c@x" } } };
    expect(redacted(payload, rules(["customer.email"]))).toEqual({
      email: "a@x",
      customer: { email: "[redacted]" },
      order: { customer: { email: "[redacted]" } },
    });
  });

  it("keeps a key that only looks like a prototype's", () => {
    const payload = JSON.parse('{"__proto__":{"cvv":1},"constructor":{"cvv":2}}');
    expect(JSON.stringify(redacted(payload, rules(["cvv"])))).toBe(
      '{"__proto__":{"cvv":"[redacted]"},"constructor":{"cvv":"[redacted]"}}',
    );
  });
});

describe("a failure's message", () => {
  it("does not repeat private values of the payload, whether redacted or encrypted, and the longest first", () => {
    const payload = { iban: "DE02120300000000202051", part: "DE0212", pin: 4711, ok: "yes", n: 12 };
    const failure = failed("no account DE02120300000000202051 (DE0212) with 4711, yes, 12");
    const clean = withoutPrivate(failure, rules(["iban", "n"], ["part", "pin"]), payload);
    expect(clean.message).toBe("no account [redacted] ([redacted]) with [redacted], yes, 12");
    expect(withoutPrivate(failure, rules([], "all"), payload).message).toBe(
      "no account [redacted] ([redacted]) with [redacted], yes, 12",
    );
  });

  it("has nothing left of a private text that contains another one", () => {
    const payload = { bank: "1904", iban: "AT611904300234573201" };
    const clean = withoutPrivate(failed("no account AT611904300234573201 at 1904"), rules(["bank", "iban"]), payload);
    expect(clean.message).toBe("no account [redacted] at [redacted]");
  });

  it("never has what looks like a secret, also where the action says nothing of privacy", () => {
    const cases: readonly [string, string][] = [
      ["Authorization: Bearer abc.def-123456", "Authorization: [redacted] [redacted]"],
      [
        "connect to postgres://app:hunter2@db.internal/x failed",
        "connect to postgres://app:[redacted]@db.internal/x failed",
      ],
      ["No such key: sk_live_4eC39HqLyjWDarjtT1zdp7dc", "No such key: [redacted]"],
      ['{"x-api-key":"k-123456"}', '{"x-api-key":"[redacted]"}'],
      ["https://api.example/pay?access_token=abcd1234&to=x", "https://api.example/pay?access_token=[redacted]&to=x"],
      ["token ghp_abcdefghijklmnopqrstuvwx", "token [redacted]"],
    ];
    for (const [message, clean] of cases) expect(withoutPrivate(failed(message), null, {}).message).toBe(clean);
    const harmless = failed("Basic plan; the password was wrong; order 4711 at https://api.example/orders");
    expect(withoutPrivate(harmless, null, {})).toBe(harmless);
  });
});

describe("rules that would hide less than they seem to are refused", () => {
  it.each([
    [{ redact: ["items[].cvv"] }, /privacy\.redact must be a list of field names/],
    [{ encrypt: "iban" }, /privacy\.encrypt must be a list/],
    [{ redactt: ["cvv"] }, /not "redactt"/],
    [{ subject: () => "customer:1" }, /nothing that is encrypted/],
  ])("%o", (options, expected) => {
    expect(() => checkPrivacy(options as never, "pay")).toThrow(expected);
  });
});
