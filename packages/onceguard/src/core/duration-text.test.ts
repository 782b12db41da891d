import { expect, it } from "vitest";
import { durationMs } from "./duration.ts";
import { durationText } from "./duration-text.ts";

it.each([
  [0, "0s"],
  [1, "1ms"],
  [250, "250ms"],
  [1_234, "1234ms"],
  [1_500, "1.5s"],
  [60_000, "1m"],
  [900_000, "15m"],
  [86_400_000, "24h"],
  [77_760_000, "21.6h"],
  [86_400_000 * 7, "7d"],
  [86_400_001, "86400001ms"],
])("%i ms is %s, and is read back as the same", (ms, text) => {
  expect(durationText(ms)).toBe(text);
  expect(durationMs(text, "it")).toBe(ms);
});
