import { describe, expect, test } from "vitest";
import { durationMs } from "./duration.ts";
import { idempotencyKey } from "./idempotency-key.ts";
import { provider, unusable } from "./provider.ts";
import type { ProviderContract } from "./provider-contract.ts";
import { PROVIDERS } from "./provider-contracts.ts";

const OUR_KEY = idempotencyKey(() => "0123456789abcdef".repeat(4), "tenant", "request", 1);

/** Each rule is asked of the whole catalogue and names whoever breaks it. */
function offenders(holds: (contract: ProviderContract) => boolean): string[] {
  return PROVIDERS.filter((contract) => !holds(contract)).map(({ name }) => name);
}

describe("every entry", () => {
  test("has a name of its own, a title and a kind", () => {
    const names = PROVIDERS.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    const kinds = ["payments", "trading", "messages", "records", "queues", "cloud", "models"];
    expect(
      offenders(
        ({ name, title, kind }) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && title !== "" && kinds.includes(kind),
      ),
    ).toEqual([]);
  });

  test("says where it was read, and on which day", () => {
    expect(offenders(({ source }) => /^(https:\/\/|npm )\S+/.test(source))).toEqual([]);
    expect(
      offenders(
        ({ checked }) =>
          /^\d{4}-\d{2}-\d{2}$/.test(checked) &&
          new Date(checked).toISOString().startsWith(checked) &&
          checked >= "2026-11-20",
      ),
    ).toEqual([]);
  });

  test("answers every question with a word that is known", () => {
    const known = {
      onRepeat: ["replays", "rejects", "executes", "unknown"],
      onMismatch: ["error", "replays_first", "executes", "unknown"],
      cachesErrors: ["none", "server_errors", "all", "unknown"],
      concurrent: ["conflict", "waits", "unknown"],
    } as const;
    for (const [field, words] of Object.entries(known)) {
      expect(
        offenders((contract) => (words as readonly string[]).includes(contract[field as keyof typeof known])),
      ).toEqual([]);
    }
  });

  test("has durations that can be read, and are longer than one attempt", () => {
    expect(
      offenders(({ lookup }) => !lookup || lookup.lag === "unknown" || durationMs(lookup.lag, "lag") >= 0),
    ).toEqual([]);
    expect(
      offenders(({ key }) => {
        const lifetime = key?.lifetime;
        return lifetime === undefined || lifetime === "forever" || durationMs(lifetime, "lifetime") > 60_000;
      }),
    ).toEqual([]);
  });

  test("has texts that are not empty, and a lookup that ends the sentence of the error", () => {
    const texts = ({ key, lookup, notes, instead }: ProviderContract) =>
      [key?.where, key?.covers, key?.scope, key?.requires, lookup?.how, notes, instead].filter(
        (text) => text !== undefined,
      );
    expect(offenders((contract) => texts(contract).every((text) => /^\S(.*\S)?$/.test(text)))).toEqual([]);
    expect(offenders(({ lookup }) => !lookup || /^[a-z].*[^.]$/.test(lookup.how))).toEqual([]);
  });

  test("takes our key, or cannot be used", () => {
    const fits = ({ key }: ProviderContract) =>
      key !== null &&
      OUR_KEY.length <= (key.maxLength ?? Number.POSITIVE_INFINITY) &&
      new RegExp(key.pattern ?? "").test(OUR_KEY);
    expect(offenders((contract) => unusable(contract) !== null || fits(contract))).toEqual([]);
    expect(PROVIDERS.filter((contract) => contract.key !== null && !fits(contract)).map(({ name }) => name)).toEqual([
      "discord",
    ]);
  });

  test("that can be used dedupes for a documented time, and no other one can", () => {
    const usable = PROVIDERS.filter((contract) => unusable(contract) === null);
    expect(usable.filter(({ key }) => key?.lifetime === undefined)).toEqual([]);
    expect(usable.filter(({ onRepeat }) => onRepeat !== "replays" && onRepeat !== "rejects")).toEqual([]);
    expect(usable.filter(({ instead }) => instead !== undefined)).toEqual([]);
    for (const { name } of usable) expect(provider(name).contract?.name).toBe(name);
    for (const { name } of PROVIDERS.filter((contract) => !usable.includes(contract))) {
      expect(() => provider(name)).toThrow(expect.objectContaining({ code: "invalid_option" }));
    }
  });

  test("without a key is described as what it is", () => {
    const harmless = ({ onRepeat, onMismatch, cachesErrors }: ProviderContract) =>
      onRepeat === "executes" && onMismatch === "executes" && cachesErrors === "none";
    expect(offenders((contract) => contract.key !== null || harmless(contract))).toEqual([]);
  });
});

test("the lifetimes, in one place: a change that makes one longer is seen here", () => {
  const lifetimes = PROVIDERS.flatMap(({ name, key }) =>
    key?.lifetime === undefined ? [] : [`${name} ${key.lifetime}`],
  );
  expect(lifetimes).toEqual([
    "stripe 24h",
    "adyen 7d",
    "paypal 3h",
    "plaid 24h",
    "mollie 1h",
    "dwolla 24h",
    "chargebee 30m",
    "tremendous forever",
    "xero 6m",
    "checkout-com 24h",
    "mangopay 24h",
    "truelayer 30d",
    "zuora 24h",
    "qonto 30m",
    "coinbase-cdp 24h",
    "resend 24h",
    "knock 24h",
    "onesignal 30d",
    "svix 12h",
    "courier 24h",
    "zendesk 2h",
    "shopify 24h",
    "lob 24h",
    "sqs 5m",
    "sns 5m",
    "qstash 10m",
    "inngest 24h",
    "dynamodb 10m",
    "step-functions 90d",
  ]);
});
