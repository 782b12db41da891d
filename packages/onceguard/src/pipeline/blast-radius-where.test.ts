import { beforeEach, expect, test } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";
import type { BlastQuery } from "../core/blast-radius.ts";
import type { JsonObject } from "../core/json.ts";

// Which fields a blast radius can be asked by, and what equals what: a wrong answer is a record that nobody corrects.

const ship = defineAction({
  name: "ship",
  riskTier: "side_effecting",
  keyFields: ["id"],
  record: (p: JsonObject) => `shipment:${p.id}`,
  before: (p: JsonObject) => (p.id === "bare" ? { status: "" } : { status: "new", box: { size: 2 } }),
  after: (p: JsonObject) => (p.id === "bare" ? null : { status: "sent", box: { size: 3 } }),
  execute: (p: JsonObject) => {
    if (p.id === "lost") throw new Error("socket hang up");
    return p.id === "bare" ? null : { tracking: { code: `T-${p.id}` }, ok: true };
  },
});
const ping = defineAction({
  name: "ping",
  riskTier: "side_effecting",
  execute: (_: string) => "pong",
});

const FULL = {
  id: "full",
  priority: "high",
  amount: 5,
  urgent: true,
  note: null,
  empty: "",
  zero: 0,
  customer: { tier: "gold", address: { city: "Köln" } },
  tags: ["a", "b"],
  items: [{ sku: "x" }],
  result: "of the payload",
  "a b": "spaced",
  box: { result: "in a box" },
};

let where: (conditions: NonNullable<BlastQuery["where"]>) => Promise<string[]>;
let forget: () => Promise<unknown>;

beforeEach(async () => {
  const { guard, clock } = testGuard([ship, ping]);
  const idOf = new Map<string, string>();
  for (const payload of [FULL, { id: "bare" }, { id: "lost", priority: "high" }] as JsonObject[]) {
    idOf.set((await guard.execute("ship", payload)).requestId, String(payload.id));
  }
  idOf.set((await guard.execute("ping", "high", { requestId: "p" })).requestId, "text");
  where = async (conditions) => {
    const { rows } = await guard.blastRadius({ where: conditions });
    return rows.map(({ receipt }) => idOf.get(receipt.requestId) ?? "?");
  };
  forget = async () => {
    await clock.advance(1_000);
    await guard.expire({ olderThan: 0 });
  };
});

test.each<[conditions: NonNullable<BlastQuery["where"]>, found: string[]]>([
  // of the payload, with and without saying so
  [{ priority: "high" }, ["full", "lost"]],
  [{ "payload.priority": "high" }, ["full", "lost"]],
  [{ "a b": "spaced" }, ["full"]],
  [{ payload: "high" }, ["text"]],
  // each kind of value, and nothing that merely looks like it
  [{ amount: 5 }, ["full"]],
  [{ amount: "5" }, []],
  [{ urgent: true }, ["full"]],
  [{ urgent: "true" }, []],
  [{ urgent: false }, []],
  [{ empty: "" }, ["full"]],
  [{ zero: 0 }, ["full"]],
  [{ zero: "" }, []],
  [{ zero: false }, []],
  [{ priority: "HIGH" }, []],
  // null is a value; a field that is not there is none
  [{ note: null }, ["full"]],
  [{ missing: null }, []],
  [{ missing: "" }, []],
  // nested
  [{ "customer.tier": "gold" }, ["full"]],
  [{ "customer.address.city": "Köln" }, ["full"]],
  [{ "payload.customer.address.city": "Köln" }, ["full"]],
  [{ "customer.missing.city": "Köln" }, []],
  [{ "priority.length": 4 }, []],
  [{ customer: "gold" }, []],
  // lists are compared with nothing
  [{ tags: "a" }, []],
  [{ "tags.0": "a" }, []],
  [{ "items[].sku": "x" }, []],
  // no way into what every object has
  [{ "constructor.name": "Object" }, []],
  [{ "customer.__proto__": null }, []],
  [{ "toString.name": "toString" }, []],
  // the result, and the record before and after
  [{ "result.ok": true }, ["full"]],
  [{ "result.tracking.code": "T-full" }, ["full"]],
  [{ result: "pong" }, ["text"]],
  [{ result: null }, ["bare", "lost"]],
  [{ "payload.result": "of the payload" }, ["full"]],
  [{ "box.result": "in a box" }, ["full"]],
  [{ "before.status": "new" }, ["full", "lost"]],
  [{ "before.box.size": 2 }, ["full", "lost"]],
  [{ "before.status": "" }, ["bare"]],
  [{ "after.status": "sent" }, ["full"]],
  [{ after: null }, ["bare"]],
  [{ before: null }, []],
  [{ "after.box.size": 2 }, []],
  // several: all of them
  [{ priority: "high", amount: 5 }, ["full"]],
  [{ priority: "high", amount: 6 }, []],
  [{ priority: "high", "before.status": "new", "result.ok": true }, ["full"]],
  [{}, ["full", "bare", "lost", "text"]],
])("%j finds %j", async (conditions, found) => {
  expect(await where(conditions)).toEqual(found);
});

test("what retention has taken fits no condition, and is still found by everything else", async () => {
  await forget();
  expect(await where({ priority: "high" })).toEqual(["lost"]);
  expect(await where({ "before.status": "new" })).toEqual(["lost"]);
  expect(await where({ "after.status": "sent" })).toEqual([]);
  expect(await where({})).toEqual(["full", "bare", "lost", "text"]);
});
