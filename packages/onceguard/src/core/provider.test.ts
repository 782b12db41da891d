import { describe, expect, test } from "vitest";
import { defineAction } from "./action.ts";
import { provider, unusable } from "./provider.ts";
import type { ProviderContract } from "./provider-contract.ts";
import { PROVIDERS } from "./provider-contracts.ts";

const stripe = PROVIDERS.find(({ name }) => name === "stripe") as ProviderContract;

function action(downstreamKey: ReturnType<typeof provider>) {
  return defineAction({ name: "pay", riskTier: "side_effecting", downstreamKey, execute: async () => "paid" });
}

describe("provider", () => {
  test("is an action's downstreamKey, and carries its contract", () => {
    expect(provider("stripe")).toEqual({ lifetime: "24h", contract: stripe });
    expect(action(provider("stripe")).downstreamKey).toMatchObject({
      lifetimeMs: 86_400_000,
      marginMs: 8_640_000,
      provider: "stripe",
    });
  });

  test("takes a margin, and a shorter lifetime", () => {
    expect(provider("stripe", { margin: "2h" })).toEqual({ lifetime: "24h", margin: "2h", contract: stripe });
    expect(provider("stripe", { lifetime: "1h" }).lifetime).toBe("1h");
    expect(provider("stripe", { lifetime: 86_400_000 }).lifetime).toBe(86_400_000);
  });

  test.each(["24.01h", "2d", 86_400_001])("refuses the longer lifetime %j", (lifetime) => {
    expect(() => provider("stripe", { lifetime })).toThrow(
      expect.objectContaining({ code: "invalid_option", message: expect.stringContaining('documented "24h"') }),
    );
  });

  test("refuses what is no duration, and what is no option", () => {
    expect(() => provider("stripe", { lifetime: "a day" })).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
    const misspelt = { magrin: "2h" } as { margin?: string };
    expect(() => provider("stripe", misspelt)).toThrow(
      expect.objectContaining({ code: "invalid_option", fields: { option: "magrin" } }),
    );
  });

  test("a key that is never forgotten is still a number of milliseconds", () => {
    const { downstreamKey } = action(provider("tremendous"));
    expect(Number.isSafeInteger(downstreamKey?.lifetimeMs)).toBe(true);
    expect(Number.isSafeInteger(Date.now() + (downstreamKey?.lifetimeMs ?? 0))).toBe(true);
    expect(provider("tremendous", { lifetime: "30d" }).lifetime).toBe("30d");
  });

  test("an unknown name is an error that names the near ones", () => {
    expect(() => provider("strpe")).toThrow(
      expect.objectContaining({
        code: "unknown_provider",
        message: expect.stringContaining('no provider "strpe". Did you mean "stripe"?'),
        fields: { provider: "strpe", near: ["stripe"] },
      }),
    );
    expect(() => provider("acme-bank")).toThrow(
      expect.objectContaining({ fields: { provider: "acme-bank", near: [] } }),
    );
  });

  test.each(["toString", "__proto__", "", "constructor"])("%j is an unknown name, too", (name) => {
    expect(() => provider(name)).toThrow(expect.objectContaining({ code: "unknown_provider" }));
  });
});

describe("a provider that cannot be used explains itself", () => {
  test.each([
    ["sendgrid", "takes no key", "Give the action a probe: set a custom argument"],
    ["mailgun", "takes no key", "a question for a person"],
    ["binance", "a second effect all the same", "origClientOrderId"],
    ["discord", "it has 36 characters, and at most 25", "a question for a person"],
    ["square", "gives no time", "Give the action a probe: set reference_id"],
    ["bullmq", "gives no time", "removeOnComplete"],
    ["evm", "takes no key", "Choose the nonce before the first attempt"],
  ])("%s: %s ... %s", (name, why, instead) => {
    expect(() => provider(name)).toThrow(
      expect.objectContaining({
        code: "invalid_option",
        message: expect.stringMatching(new RegExp(`${why}.*${instead}`)),
        fields: { option: "downstreamKey", provider: name },
      }),
    );
  });

  test("for the same reason whatever is asked for besides", () => {
    expect(() => provider("sendgrid", { lifetime: "1h" })).toThrow(/takes no key/);
  });
});

describe("what can be used", () => {
  const key = { where: "header X", covers: "everything", lifetime: "1h" } as const;
  const contract = { ...stripe, key };

  test("is what has a key, a lifetime, and takes keys like ours", () => {
    expect(unusable(contract)).toBeNull();
    expect(unusable({ ...contract, key: { ...key, maxLength: 36, pattern: "^[0-9a-f-]{36}$" } })).toBeNull();
  });

  test.each<[string, Partial<ProviderContract>]>([
    ["no key", { key: null }],
    ["no lifetime", { key: { where: "header X", covers: "everything" } }],
    ["too short a key", { key: { ...key, maxLength: 35 } }],
    ["another alphabet", { key: { ...key, pattern: "^[0-9a-f]+$" } }],
    ["no deduping", { onRepeat: "executes" }],
  ])("not what has %s", (_, difference) => {
    expect(unusable({ ...contract, ...difference })).toMatch(/^Stripe .+\.$/);
  });
});
