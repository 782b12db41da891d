import { describe, test } from "vitest";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock, storeContract } from "../../src/testing/index.ts";

describe("memory store", () => {
  storeContract({
    test,
    makeStore: () => {
      const { now, advance } = fakeClock();
      return { store: memoryStore({ clock: now }), advance };
    },
  });
});
