import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Audited } from "../audited.ts";
import type { FoundFile, FoundFiles } from "../project/find-files.ts";
import { VERSION } from "../version.ts";

/** Raise it whenever a rule or the shape of the report changes within a version of the package. */
const GENERATION = "3";
/** A file that was written so shortly before may have been written again with the same time. */
const TOO_FRESH = 2_000;

interface Entry {
  path: string;
  size: number;
  time: number;
  /** Empty for a file that was not read. */
  hash: string;
}

interface Kept {
  key: string;
  at: number;
  entries: Entry[];
  audited: Audited;
}

export interface ReportCache {
  /** The last audit, if no file has changed since. */
  read(): Audited | null;
  write(audited: Audited): void;
}

/**
 * Keeps the last audit of a folder in one file, with a list of all files: size and time of change tell that a file is the
 * same, or else its content does. A broken cache is an empty one.
 */
export function openReportCache(folder: string | null, root: string, key: string, found: FoundFiles): ReportCache {
  if (folder === null) return { read: () => null, write: () => {} };
  const path = join(folder, `${digest(root).slice(0, 32)}.report.json`);
  const whole = digest(`${GENERATION}\0${VERSION}\0${key}`);
  const files = [...found.sources, ...found.configs];
  return {
    read() {
      const kept = readKept(path);
      return kept?.key === whole && isSame(files, kept) ? kept.audited : null;
    },
    write(audited) {
      const hashes = new Map(audited.files.map((one) => [one.path, one.hash]));
      const entries = files.map(({ path: name, size, time, absolute }) => ({
        path: name,
        size,
        time,
        hash: hashes.get(name) ?? (/\.(?:json|ya?ml)$/.test(name) ? hashOf(absolute) : ""),
      }));
      save(folder, path, { key: whole, at: Date.now(), entries, audited });
    },
  };
}

function isSame(files: readonly FoundFile[], { entries, at }: Kept): boolean {
  if (files.length !== entries.length) return false;
  const known = new Map(entries.map((one) => [one.path, one]));
  return files.every((file) => {
    const entry = known.get(file.path);
    if (entry?.size !== file.size) return false;
    if (entry.time === file.time && file.time < at - TOO_FRESH) return true;
    return entry.hash !== "" && entry.hash === hashOf(file.absolute);
  });
}

function readKept(path: string): Kept | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Kept;
  } catch {
    return null;
  }
}

/** A cache that cannot be written costs time, not the answer. */
function save(folder: string, path: string, kept: Kept): void {
  const temporary = `${path}.${process.pid}`;
  // The boundary of a finding leads to everything that was read.
  const text = JSON.stringify(kept, (name, value: unknown) => (name === "boundary" ? null : value));
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch {
    rmSync(temporary, { force: true });
  }
}

function hashOf(absolute: string): string {
  try {
    return createHash("sha1").update(readFileSync(absolute)).digest("base64");
  } catch {
    return "";
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
