import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { deserialize } from "node:v8";
import type { FileFacts } from "./model.ts";

const CHILD = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./isolated-child.ts" : "./isolated-child.js", import.meta.url),
);
const TIME_LIMIT = 60_000;

export interface RiskyFile {
  path: string;
  absolute: string;
  hash: string;
}

/**
 * Lowers files in a process of its own, which may die of one of them: the others are then read by the next process. Null
 * for a file that cannot be read.
 */
export function lowerIsolated(files: readonly RiskyFile[]): (FileFacts | null)[] {
  const results: (FileFacts | null)[] = [];
  while (results.length < files.length) {
    const { stdout } = spawnSync(process.execPath, [CHILD], {
      input: JSON.stringify(files.slice(results.length)),
      maxBuffer: 1 << 30,
      timeout: TIME_LIMIT,
      stdio: ["pipe", "pipe", "ignore"],
      env: {},
    });
    const before = results.length;
    for (let at = 0; stdout && at + 4 <= stdout.length; ) {
      const size = stdout.readUInt32LE(at);
      if (at + 4 + size > stdout.length) break;
      results.push(size === 0 ? null : (deserialize(stdout.subarray(at + 4, at + 4 + size)) as FileFacts));
      at += 4 + size;
    }
    // It died of the next one, or at once: go on behind it.
    if (results.length < files.length || results.length === before) results.push(null);
  }
  return results.slice(0, files.length);
}
