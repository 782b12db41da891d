import { expect, test } from "vitest";
import { forwardingStore } from "./forwarding-store.ts";
import type { Store } from "./ports.ts";

class Counting {
  readonly name = "counting";
  #asked = 0;

  now(): Promise<number> {
    this.#asked += 1;
    return Promise.resolve(this.#asked);
  }
}

test("a verb that is given takes the place of the store's own; all others, and plain members, are forwarded", async () => {
  const store = new Counting() as unknown as Store;
  const forwarded = forwardingStore(store, { find: async () => null });
  // Also verbs that need their own `this`.
  expect([await forwarded.now(), await forwarded.now()]).toEqual([1, 2]);
  expect(await forwarded.find("acme", "r")).toBeNull();
  expect([forwarded.name, forwarded.transact]).toEqual(["counting", undefined]);
});

test("what a verb has from its prototype takes the place of nothing", () => {
  const forwarded = forwardingStore(new Counting() as unknown as Store, Object.create({ find: 1 }));
  expect(forwarded.find).toBeUndefined();
});
