import { expect, it } from "vitest";
import { defaultDedupWindow } from "./dedup-window.ts";

it("is a day where a new id may be the same intent", () => {
  expect(defaultDedupWindow("host_call")).toBe(86_400_000);
  expect(defaultDedupWindow("content")).toBe(86_400_000);
});

it("is for the action to say where the id names the intent", () => {
  expect(defaultDedupWindow("business_key")).toBeUndefined();
  expect(defaultDedupWindow("explicit")).toBeUndefined();
});
