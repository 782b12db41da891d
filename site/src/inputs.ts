import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { ROOT } from "./addresses.ts";

const INPUTS = [
  "docs/**/*.{md,svg,png}",
  "site/*.{ts,md,json}",
  "site/src/**/*.ts",
  "site/.vitepress/{config.ts,theme/*}",
  "packages/onceguard/src/**/*.ts",
  "packages/onceguard/package.json",
  "packages/onceguard/test/crash/matrix-rows.ts",
];

/** Stands for everything that the site is made from, so that a test knows whether a built one is still good. */
export function inputsDigest(): string {
  const hash = createHash("sha256");
  for (const path of globSync(INPUTS, { cwd: ROOT }).sort()) {
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(`${ROOT}${path}`))
      .update("\0");
  }
  return hash.digest("hex");
}
