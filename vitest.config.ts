import { accessSync, constants, statfsSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const support = "./packages/onceguard/test/support";

// Stores and ledgers go to memory where there is enough of it. What is killed here is processes, and those lose nothing of
// what they have written, on whatever disk; only a power cut would, and no test can cut the power.
process.env.TMPDIR ??= memoryDisk();
if (process.env.TMPDIR === undefined) delete process.env.TMPDIR;

function memoryDisk(): string | undefined {
  try {
    accessSync("/dev/shm", constants.W_OK);
    const { bavail, bsize } = statfsSync("/dev/shm");
    return bavail * bsize > 4 * 1024 ** 3 ? "/dev/shm" : undefined;
  } catch {
    return undefined;
  }
}

export default defineConfig({
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "bench/**/*.test.ts",
      "site/test/**/*.test.ts",
    ],
    globalSetup: `${support}/global-setup.ts`,
    reporters: ["default", `${support}/closing-line-reporter.ts`],
    // Hundreds of processes of our own code are started: each finds what an earlier one has compiled.
    env: { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? resolve("node_modules/.cache/onceguard-compiled") },
    // Processes, not threads: tests kill, fork and exhaust things. Few, because they start real processes themselves.
    pool: "forks",
    maxWorkers: 3,
    // Real processes and real databases on a busy machine; a test that hangs still ends.
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
