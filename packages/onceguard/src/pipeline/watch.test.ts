import { expect, test } from "vitest";
import { OnceguardError } from "../core/errors.ts";
import type { Receipt } from "../core/receipt.ts";
import type { Telemetry } from "../core/telemetry.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { endingOfProposal, watchCarryOn } from "./watch.ts";
import { watchedStore } from "./watched-store.ts";

// The rest, as a whole guard tells it: src/telemetry.

test.each([
  [new OnceguardError("store_unavailable", "the password is 4711"), "store_unavailable"],
  [new Error("the password is 4711"), "unexpected"],
])("what goes on without its caller and fails is told by a code, and its words are not: %s", async (thrown, code) => {
  const endings: unknown[] = [];
  const carryOn = () => ({ within: <T>(work: () => T) => work(), end: (ending: unknown) => endings.push(ending) });
  const telemetry = { carryOn } as unknown as Telemetry;
  await expect(watchCarryOn(telemetry, {} as Receipt, () => Promise.reject(thrown))).rejects.toBe(thrown);
  expect(endings).toEqual([{ error: code }]);
});

test("and so is a store that fails", async () => {
  const endings: unknown[] = [];
  const watched = { within: <T>(work: () => T) => work(), end: (ending: unknown) => endings.push(ending) };
  const thrown = new OnceguardError("store_unusable", "the password is 4711");
  const inner = Object.assign(memoryStore(), { find: () => Promise.reject(thrown) });
  const store = watchedStore(inner, { store: () => watched } as unknown as Telemetry);
  await expect(store.find("default", "r1")).rejects.toBe(thrown);
  await store.now();
  await store.list({ limit: 1 });
  expect(endings).toEqual([{ error: "store_unusable" }, { error: null }]);
});

test("a proposal ends with its verdict, and is no failure", () => {
  const proposed = { verdict: "review", requestId: "r1", receipt: null };
  expect(endingOfProposal(proposed)).toEqual({ status: "review", requestId: "r1", receipt: null, failure: null });
});
