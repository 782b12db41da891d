import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const support = "./packages/onceguard/test/support";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "packages/*/test/**/*.test.ts"],
    globalSetup: `${support}/global-setup.ts`,
    reporters: ["default", `${support}/closing-line-reporter.ts`],
    // Hundreds of processes of our own code are started: each finds what an earlier one has compiled.
    env: { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? resolve("node_modules/.cache/onceguard-compiled") },
    // Processes, not threads: tests kill, fork and exhaust things. Two, because they start real processes themselves.
    pool: "forks",
    maxWorkers: 2,
    // Real processes and real databases on a busy machine; a test that hangs still ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
