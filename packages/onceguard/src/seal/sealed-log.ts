import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { OnceguardError } from "../core/errors.ts";

/** The files of a sealed log: `leaves` (one per line, in the sealer's order) and `checkpoints` (signed, one after the other). */
export interface SealedLog {
  readonly leaves: readonly string[];
  readonly checkpoints: readonly string[];
}

/** What is there; a line that was cut off while it was written is not. */
export function readSealedLog(folder: string): SealedLog {
  const lines = (name: string): string[] => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  };
  // These first: a sealer may be at work, and the leaves of every checkpoint are there before it.
  const checkpoints = lines("checkpoints").map((line) => JSON.parse(line) as string);
  return { leaves: lines("leaves"), checkpoints };
}

/** What a process that died had begun to write is taken away: the next line must not become part of it. */
export function dropCutOffLines(folder: string): void {
  for (const name of ["leaves", "checkpoints"]) {
    const path = join(folder, name);
    if (!existsSync(path)) continue;
    const bytes = readFileSync(path);
    const whole = bytes.lastIndexOf(10) + 1;
    if (whole < bytes.length) truncateSync(path, whole);
  }
}

export function appendLines(folder: string, name: "leaves" | "checkpoints", lines: readonly string[]): void {
  if (lines.length === 0) return;
  const file = openSync(join(folder, name), "a", 0o600);
  try {
    writeSync(file, `${lines.join("\n")}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * One sealer at a time: two would give one place in the tree to two entries. The lock of a process that died is taken over.
 *
 * @throws OnceguardError `store_unusable`
 */
export function lockSealedLog(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "lock");
  for (;;) {
    try {
      const file = openSync(path, "wx", 0o600);
      writeSync(file, String(process.pid));
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const owner = Number(readFileSync(path, "utf8"));
    if (isAlive(owner)) {
      throw new OnceguardError(
        "store_unusable",
        `Process ${owner} seals into ${folder} already; there is one sealer.`,
        {
          folder,
        },
      );
    }
    rmSync(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
