import { expect, it } from "vitest";
import { engineName } from "./engine-name.ts";

it("leaves a name as it is, and has a digest stand for what is none", () => {
  expect(engineName("orders/7")).toBe("orders/7");
  expect(engineName("")).toBe("");
  const long = engineName("x".repeat(256));
  expect(long).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(engineName("x".repeat(257))).not.toBe(long);
  expect(engineName("a\nb")).toMatch(/^sha256:/);
  expect(engineName("a\ud800")).not.toBe(engineName("a\ud801")); // no encoding makes one of both
});
