import Stripe from "stripe";
import { describe, expect, it } from "vitest";
import { Catalogue } from "../src/catalogue/catalogue.ts";
import { matches, parsePattern } from "../src/catalogue/pattern.ts";
import { RETRIES } from "../src/catalogue/retries.ts";
import { SINKS } from "../src/catalogue/sinks.ts";
import { REGISTRATIONS } from "../src/contexts/registrations.ts";

/** Every path of functions in a client, two names deep, as the catalogue writes them. */
function methodsOf(client: object): string[][] {
  const found: string[][] = [];
  const visit = (value: object, path: string[]) => {
    const names = new Set<string>();
    for (let at: object | null = value; at && at !== Object.prototype; at = Object.getPrototypeOf(at))
      for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    for (const name of names) {
      if (name.startsWith("_") || name === "constructor") continue;
      const member: unknown = Reflect.get(value, name);
      if (typeof member === "function") found.push([...path, name]);
      else if (member !== null && typeof member === "object" && path.length < 3) visit(member, [...path, name]);
    }
  };
  visit(client, []);
  return found;
}

describe("the catalogue, against real packages", () => {
  const methods = methodsOf(new Stripe("sk_test_nothing"));
  const stripe = SINKS.find((one) => one.id === "stripe");

  it("stripe is large enough to be the real one", () => {
    expect(methods.length).toBeGreaterThan(300);
  });

  it.each(stripe?.write ?? [])("stripe has a method for %s", (pattern) => {
    const parsed = parsePattern(pattern);
    expect(methods.some((path) => matches(parsed, path))).toBe(true);
  });

  it.each([
    "charges.create",
    "checkout.sessions.create",
    "billing.meterEvents.create",
    "refunds.create",
    "transfers.createReversal",
  ])("stripe %s is a write", (path) => {
    expect(methods.some((one) => one.join(".") === path)).toBe(true);
    expect(new Catalogue().match("stripe", ["default", "new", ...path.split(".")])?.operation).toBe(path);
  });

  it.each(["charges.retrieve", "charges.list", "webhooks.constructEvent", "invoices.createPreview"])(
    "stripe %s is none",
    (path) => {
      expect(methods.some((one) => one.join(".") === path)).toBe(true);
      expect(new Catalogue().match("stripe", ["default", "new", ...path.split(".")])).toBeNull();
    },
  );
});

describe("the catalogue, against itself", () => {
  it("has unique ids, and patterns that parse", () => {
    expect(new Set(SINKS.map((one) => one.id)).size).toBe(SINKS.length);
    for (const one of SINKS)
      for (const pattern of [...one.write, ...one.read, ...one.natural])
        expect(parsePattern(pattern).segments.every((segment) => segment !== "")).toBe(true);
  });

  it("describes every family that a registration names", () => {
    const unknown = new Set(REGISTRATIONS.map((one) => one.family).filter((one) => !RETRIES.has(one)));
    expect([...unknown].sort()).toEqual(["tool:anthropic", "tool:genkit", "webhook:discord", "webhook:telegram"]);
  });

  it("takes clients that users add", () => {
    const catalogue = new Catalogue([
      {
        id: "acme",
        packages: ["acme"],
        kind: "order",
        tier: "irreversible",
        client: ["new Acme(...)"],
        write: ["orders.place"],
        read: [],
        natural: [],
        key: { place: "none", names: [] },
      },
    ]);
    expect(catalogue.match("acme", ["Acme", "new", "orders", "place"])?.operation).toBe("orders.place");
  });
});
