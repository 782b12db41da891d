import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** `npm run hosts`. Not among the default tests: it needs the hosts, which `run.mjs` fetches. */
export default defineConfig({
  root: fileURLToPath(new URL("../../../..", import.meta.url)),
  test: {
    include: ["packages/onceguard/test/hosts/**/*.hosts.ts"],
    reporters: ["default", "./packages/onceguard/test/support/closing-line-reporter.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Conditions are polled; these only end a test that hangs.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
