import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { FileFacts } from "../facts/model.ts";
import { VERSION } from "../version.ts";

/** Raise it whenever facts change their shape or meaning within a version of the package. */
const GENERATION = "6";

export interface FactsCache {
  get(path: string, hash: string): FileFacts | null;
  /** Writes only if something is new. */
  save(files: FileFacts[], reused: number): void;
}

/** Facts of the last run, found again by the content of the file. A broken cache is an empty one. */
export function openFactsCache(folder: string | null, root: string): FactsCache {
  if (folder === null) return { get: () => null, save: () => {} };
  const name = createHash("sha256")
    .update(`${GENERATION}\0${VERSION}\0${process.versions.node}\0${root}`)
    .digest("hex")
    .slice(0, 32);
  const path = join(folder, `${name}.facts`);
  const known = read(path);
  return {
    get(file, hash) {
      const facts = known.get(file);
      return facts?.hash === hash ? facts : null;
    },
    save(files, reused) {
      if (reused === files.length && known.size === files.length) return;
      write(folder, path, files);
    },
  };
}

function read(path: string): Map<string, FileFacts> {
  try {
    const files = deserialize(readFileSync(path)) as FileFacts[];
    return new Map(files.map((file) => [file.path, file]));
  } catch {
    return new Map();
  }
}

/** A cache that cannot be written costs time, not the answer. */
function write(folder: string, path: string, files: FileFacts[]): void {
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(temporary, serialize(files));
    renameSync(temporary, path);
  } catch {
    rmSync(temporary, { force: true });
  }
}
