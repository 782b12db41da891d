import { accessSync, constants, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { quoted } from "../../next-step.ts";
import { type Check, problem, warning } from "./check.ts";

/** What a folder of Onceguard's own is for, in the words of a finding. */
export interface FolderWords {
  readonly name: string;
  /** What happens if nothing can be written there. */
  readonly why: string;
  /** What others could read there. */
  readonly holds: string;
}

/** A folder that only its owner should be able to read, and that is made when it is needed. */
export function checkPrivateFolder(path: string, { name, why, holds }: FolderWords): Check[] {
  const stats = statOf(path);
  if (stats === null) {
    const above = nearest(path);
    if (mayWrite(above)) return [];
    return [
      problem(name, `${path} cannot be made: ${above} is no folder this user can write to`, why, mendWriting(above)),
    ];
  }
  if (!stats.isDirectory())
    return [
      problem(name, `${path} is a file, and must be a folder`, why, `mv ${quoted(path)} ${quoted(`${path}.old`)}`),
    ];
  const checks: Check[] = [];
  if (!mayWrite(path)) checks.push(problem(name, `${path} is not writable`, why, mendWriting(path)));
  if (stats.mode & 0o077)
    checks.push(
      warning(
        name,
        `${path} has mode ${octal(stats)}`,
        `Others on this machine may read ${holds}.`,
        `chmod 700 ${quoted(path)}`,
      ),
    );
  return checks;
}

/** Of what there is on the way to it. */
function nearest(path: string): string {
  let at = path;
  while (statOf(at) === null && dirname(at) !== at) at = dirname(at);
  return at;
}

export function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

export function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() ?? false;
}

/** By the rights of this user, and by how it is mounted; a file is no folder to write into. */
export function mayWrite(folder: string): boolean {
  return isFolder(folder) && may(folder, constants.W_OK | constants.X_OK);
}

export function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

export function octal({ mode }: Stats): string {
  return (mode & 0o777).toString(8).padStart(3, "0");
}

export function mendWriting(path: string): string {
  return `Give this user (${userWords()}) the right to write there: chown, chmod u+w, or mount it read-write. ls -ld ${quoted(path)}`;
}

function userWords(): string {
  return process.getuid === undefined ? "who runs this" : `uid ${process.getuid()}`;
}
