import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { NOT_EXECUTED } from "./not-executed.ts";
import { load, vectorFiles, walk } from "./vectors.ts";

/** The sources of the other tests here: a file counts as covered when one of them names it. */
const tests = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".test.ts") && name !== "coverage.test.ts")
  .map((name) => readFileSync(join(import.meta.dirname, name), "utf8"))
  .join("\n");

const skipped = NOT_EXECUTED.filter(({ what }) => what === "everything").map(({ file }) => file);

describe("no vector file is passed over in silence", () => {
  test("there are files", () => {
    expect(vectorFiles).toHaveLength(31);
  });

  test.each(vectorFiles)("%s is named by a test, or listed as not executed", (file) => {
    expect(tests.includes(`"${file}"`)).not.toBe(skipped.includes(file));
  });

  test.each(skipped)("%s, not executed, has indeed no digest to recompute", (file) => {
    const digests = [...walk(load(file))].filter(
      ([, value]) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
    );
    expect(digests).toEqual([]);
  });

  test.each(NOT_EXECUTED)("the list names a file that exists: $file", ({ file, what, why }) => {
    expect(vectorFiles).toContain(file);
    expect(what.length * why.length).toBeGreaterThan(0);
  });
});
