import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../input-error.ts";
import type { Finding } from "../rules/finding.ts";

/**
 * Lines that differ from a commit. Only objects are read (`rev-parse`, `ls-tree`, `cat-file`), which runs no filter, hook
 * or diff driver that the repository configures; the comparison is made here.
 */
export function changedLines(root: string, paths: Iterable<string>, base: string): Map<string, Set<number>> {
  if (base.startsWith("-")) throw new InputError(`--diff wants a commit, not ${base}`);
  const git = (...args: string[]) => runGit(root, args);
  const commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", `${base}^{commit}`).toString().trim();
  const prefix = git("rev-parse", "--show-prefix").toString().trim();
  const blobs = new Map<string, string>();
  for (const entry of git("ls-tree", "-r", "-z", "--full-tree", commit).toString("utf8").split("\0")) {
    const match = /^\d+ blob ([0-9a-f]+)\t(.*)$/s.exec(entry);
    if (match?.[2]?.startsWith(prefix)) blobs.set(match[2].slice(prefix.length), match[1] as string);
  }
  const changed = new Map<string, Set<number>>();
  for (const path of paths) {
    const now = readFileSync(join(root, path));
    const id = blobs.get(path);
    if (id === blobId(now, id?.length === 64 ? "sha256" : "sha1")) continue;
    changed.set(
      path,
      id
        ? differing(git("cat-file", "blob", id).toString("utf8"), now.toString("utf8"))
        : allLines(now.toString("utf8")),
    );
  }
  return changed;
}

function runGit(cwd: string, args: string[]): Buffer {
  try {
    return execFileSync(
      "git",
      ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks", ...args],
      {
        cwd,
        maxBuffer: 1 << 28,
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
  } catch (error) {
    const said = (error as { stderr?: Buffer }).stderr?.toString().trim().split("\n")[0];
    throw new InputError(
      `--diff: git ${args[0]} failed${said ? `: ${said}` : ", is this a git repository and does the commit exist?"}`,
    );
  }
}

function blobId(content: Buffer, algorithm: string): string {
  return createHash(algorithm).update(`blob ${content.length}\0`).update(content).digest("hex");
}

function allLines(text: string): Set<number> {
  return new Set(text.split("\n").map((_, index) => index + 1));
}

/** Lines of the new text that are not in the old one at their place: between what both begin and end with. */
function differing(before: string, after: string): Set<number> {
  const old = before.split("\n");
  const now = after.split("\n");
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const left = new Map<string, number>();
  for (const line of old.slice(head, old.length - tail)) left.set(line, (left.get(line) ?? 0) + 1);
  const lines = new Set<number>();
  for (let index = head; index < now.length - tail; index++) {
    const line = now[index] as string;
    const count = left.get(line) ?? 0;
    if (count > 0) left.set(line, count - 1);
    else lines.add(index + 1);
  }
  // Something was only taken away: the lines around it are what changed.
  if (lines.size === 0) lines.add(head).add(head + 1);
  return lines;
}

/** Findings that a change touches: the effect, or any step of the way to it. */
export function touchedBy(findings: readonly Finding[], changed: ReadonlyMap<string, ReadonlySet<number>>): Finding[] {
  const near = (path: string, line: number) => [line - 1, line, line + 1].some((one) => changed.get(path)?.has(one));
  return findings.filter(
    (one) => near(one.place.path, one.place.line) || one.flow.some((step) => near(step.place.path, step.place.line)),
  );
}
