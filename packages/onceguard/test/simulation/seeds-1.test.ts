import { expect, it } from "vitest";
import { brokenSeeds, LONGEST_MS } from "./seeds.ts";

// In parts, so that the workers share them.
it("every rule holds in every history (part 1)", { timeout: LONGEST_MS }, async () => {
  expect((await brokenSeeds(0)).join("\n")).toBe("");
});
