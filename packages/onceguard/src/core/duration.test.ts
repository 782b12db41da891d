import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationMs } from "./duration.ts";

describe("durationMs", () => {
  test.each([
    [0, 0],
    [250, 250],
    ["250ms", 250],
    ["30s", 30_000],
    ["15m", 900_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["1.5h", 5_400_000],
    ["2 m", 120_000],
  ])("%j is %i ms", (value, ms) => {
    expect(durationMs(value, "lease")).toBe(ms);
  });

  test.each([
    "",
    "15",
    "m",
    "15 min",
    "1h30m",
    "-5s",
    "1e3ms",
    " 5s",
    "5s\n",
    ".5s",
    "5.s",
    "٥s",
    `${"9".repeat(400)}d`,
  ])("refuses %j", (value) => {
    expect(() => durationMs(value, "lease")).toThrow(
      expect.objectContaining({ code: "invalid_option", fields: { option: "lease", value } }),
    );
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d and says so", (value) => {
    expect(() => durationMs(value, "lease")).toThrow(`lease is ${value};`);
  });

  test.each([null, undefined, true, {}, 5n])("refuses what no type admits: %s", (value) => {
    expect(() => durationMs(value as unknown as string, "lease")).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });

  test("the unit scales exactly", () => {
    const unit = fc.constantFrom(["ms", 1], ["s", 1_000], ["m", 60_000], ["h", 3_600_000], ["d", 86_400_000]);
    fc.assert(
      fc.property(fc.nat(10_000), unit, (n, [name, ms]) => {
        expect(durationMs(`${n}${name}`, "x")).toBe(n * Number(ms));
      }),
    );
  });
});
