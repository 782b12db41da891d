import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseHttpDate } from "./http-date.ts";

describe("parseHttpDate", () => {
  test.each<[string, number]>([
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000],
    ["Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799_000],
    ["Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800_000], // a leap second
    ["Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777_000], // forms that only a recipient has to know
    ["Sun Nov  6 08:49:37 1994", 784_111_777_000],
    ["Wed Nov 16 08:49:37 1994", 784_975_777_000],
    ["Thursday, 01-Jan-70 00:00:00 GMT", 0],
    ["Sunday, 22-Nov-26 00:00:00 GMT", 1_795_305_600_000],
    ["Tuesday, 31-Dec-69 00:00:00 GMT", 3_155_673_600_000],
  ])("%s", (text, ms) => expect(parseHttpDate(text)).toBe(ms));

  test("agrees with the platform on every second of four centuries", () => {
    const seconds = fc.integer({ min: -11_676_096_000, max: 7_258_118_399 }); // 1600 to 2199
    fc.assert(
      fc.property(seconds, (second) => {
        expect(parseHttpDate(new Date(second * 1_000).toUTCString())).toBe(second * 1_000);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    "",
    "5",
    "1994-11-06T08:49:37Z",
    "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sunday, 6-Nov-94 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov  6 08:49:37 94",
    "Sun Nov  6 08:49:37 1994 GMT",
    "Sun, 06 Nov 1994 08:4937: GMT",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nux 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Wed, 29 Feb 1995 08:49:37 GMT",
    "Wed, 30 Feb 2000 08:49:37 GMT",
    "Sat, 32 Jan 2000 08:49:37 GMT",
    "Wed, 29 Feb 1900 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
  ])("not %j", (text) => expect(parseHttpDate(text)).toBeUndefined());
});
