import { expect, test } from "vitest";
import { diff } from "./diff.ts";

test.each([
  [{ a: 1 }, { a: 1 }, []],
  [{ a: 1, b: { c: 1 } }, { b: { c: 1 }, a: 1 }, []],
  [{ a: 1 }, { a: 2 }, [{ path: "a", from: 1, to: 2 }]],
  [
    { a: { b: 1 } },
    { a: { b: 2, c: 3 } },
    [
      { path: "a.b", from: 1, to: 2 },
      { path: "a.c", from: undefined, to: 3 },
    ],
  ],
  [{ a: 1 }, {}, [{ path: "a", from: 1, to: undefined }]],
  [[1, 2], [1, 3], [{ path: "[1]", from: 2, to: 3 }]],
  [{ l: [1] }, { l: [1, 2] }, [{ path: "l", from: [1], to: [1, 2] }]],
  [{ a: null }, { a: 0 }, [{ path: "a", from: null, to: 0 }]],
  ["x", { a: 1 }, [{ path: "", from: "x", to: { a: 1 } }]],
  [undefined, 1, [{ path: "", from: undefined, to: 1 }]],
])("from %j to %j", (from, to, expected) => {
  expect(diff(from, to)).toEqual(expected);
});
