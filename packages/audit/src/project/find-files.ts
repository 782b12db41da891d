import { type Dirent, readdirSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { TEMPLATE } from "./deployed-functions.ts";

/** Folders that hold no code of the project: installed, built, recorded. */
const SKIPPED = new Set([
  "node_modules",
  "bower_components",
  "jspm_packages",
  "coverage",
  "dist",
  "build",
  "out",
  "target",
  "vendor",
  "__snapshots__",
]);
const SOURCE = /\.(?:[cm]?[jt]s|[jt]sx)$/;
const DECLARATION = /\.d\.[cm]?ts$/;
/** Configuration that says which code runs when. Read as data, never executed. */
const CONFIG = /^(?:package|vercel|onceguard\.audit|(?:ts|js)config[\w.-]*)\.json$/;
const isConfiguration = (name: string) => CONFIG.test(name) || TEMPLATE.test(name);
/** Larger sources are bundles or data. */
export const MAX_BYTES = 1_500_000;
const MAX_FILES = 200_000;

export interface FoundFile {
  path: string;
  absolute: string;
  size: number;
  /** When it was changed, in milliseconds. */
  time: number;
}

export interface FoundFiles {
  sources: FoundFile[];
  configs: FoundFile[];
  /** What was not read, and why. */
  notRead: { path: string; why: string }[];
}

/** Lists the sources below a folder. Symbolic links are not followed: they may leave the folder, or loop. */
export function findFiles(root: string): FoundFiles {
  const found: FoundFiles = { sources: [], configs: [], notRead: [] };
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    let entries: Dirent[];
    try {
      entries = readdirSync(folder, { withFileTypes: true });
    } catch (error) {
      found.notRead.push({ path: portable(relative(root, folder)), why: messageOf(error) });
      continue;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const absolute = join(folder, entry.name);
      if (entry.isSymbolicLink()) {
        if (SOURCE.test(entry.name))
          found.notRead.push({ path: portable(relative(root, absolute)), why: "symbolic link" });
      } else if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name) && !(entry.name.startsWith(".") && entry.name.length > 1)) folders.push(absolute);
      } else if (entry.isFile()) addFile(found, portable(relative(root, absolute)), absolute, entry.name);
    }
    if (found.sources.length > MAX_FILES) {
      found.notRead.push({ path: ".", why: `more than ${MAX_FILES} source files; the rest was left out` });
      break;
    }
  }
  found.sources.sort((a, b) => (a.path < b.path ? -1 : 1));
  return found;
}

function addFile(found: FoundFiles, path: string, absolute: string, name: string): void {
  const isConfig = isConfiguration(name);
  if (!isConfig && (!SOURCE.test(name) || DECLARATION.test(name))) return;
  const { size, mtimeMs: time } = statSync(absolute);
  if (isConfig) found.configs.push({ path, absolute, size, time });
  else if (size > MAX_BYTES)
    found.notRead.push({ path, why: `${Math.round(size / 1e5) / 10} MB: a bundle or data, not source` });
  else found.sources.push({ path, absolute, size, time });
}

function portable(path: string): string {
  return sep === "/" ? path : path.split(sep).join("/");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
}
