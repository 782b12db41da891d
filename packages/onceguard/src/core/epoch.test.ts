import { expect, test } from "vitest";
import { type Epoch, isAskedAgain } from "./epoch.ts";

const inForce: Epoch = {
  ...{ number: 1, backupAt: 1_000, restoredAt: 5_000, until: null },
  ...{ actor: "ada", reason: "disk lost" },
};

test.each([
  [999, false],
  [1_000, true],
  [4_999, true],
  [5_000, true],
  // A backup made after that restore: it has been put back since.
  [5_001, false],
])("a restore to a backup of %i is the one in force: %s", (backupAt, again) => {
  expect(isAskedAgain(inForce, { backupAt, lastsMs: null, actor: "bob", reason: "once more" })).toBe(again);
});
