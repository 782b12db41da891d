import { expect, it } from "vitest";
import { afterSettling } from "./after-settling.ts";

it("asks until it takes, whatever goes wrong meanwhile, and not once more", async () => {
  const answers = [() => Promise.resolve(false), () => Promise.reject(new Error("away")), () => Promise.resolve(true)];
  let asked = 0;
  afterSettling(() => (answers[asked++] as () => Promise<boolean>)());
  expect(asked).toBe(0); // the engine has to settle it first
  await expect.poll(() => asked).toBe(3);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(asked).toBe(3);
});
