import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { OnceguardError } from "../core/errors.ts";
import { AppendedLines } from "./appended-lines.ts";

/** The files of a sealed log: `leaves` (one per line, in the sealer's order) and `checkpoints` (signed, one after the other). */
export interface SealedLog {
  readonly leaves: readonly string[];
  readonly checkpoints: readonly string[];
}

/** What is there; a line that was cut off while it was written is not. */
export function readSealedLog(folder: string): SealedLog {
  // In pieces: a text in memory has a longest length, and the log of a year is longer.
  const lines = (name: string): string[] => {
    const all: string[] = [];
    const file = new AppendedLines(
      join(folder, name),
      (text) => all.push(text),
      () => all.splice(0),
    );
    while (file.look());
    return all;
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
    const file = openSync(path, "r+");
    try {
      const { size } = fstatSync(file);
      const whole = endOfLastLine(file, size);
      if (whole < size) ftruncateSync(file, whole);
    } finally {
      closeSync(file);
    }
  }
}

const CHUNK = 1 << 16;

function endOfLastLine(file: number, size: number): number {
  const bytes = Buffer.alloc(CHUNK);
  for (let from = size; from > 0; ) {
    const length = Math.min(CHUNK, from);
    from -= length;
    const read = readSync(file, bytes, 0, length, from);
    const at = bytes.subarray(0, read).lastIndexOf(10);
    if (at >= 0) return from + at + 1;
  }
  return 0;
}

/** All of them, or none: what a full disk has cut off would become part of the next line. */
export function appendLines(folder: string, name: "leaves" | "checkpoints", lines: readonly string[]): void {
  if (lines.length === 0) return;
  const file = openSync(join(folder, name), "a", 0o600);
  const { size } = fstatSync(file);
  try {
    writeFileSync(file, `${lines.join("\n")}\n`); // unlike writeSync, which may write a part and call it a success
    fsyncSync(file);
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
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
