import { GrowingTree, isEqual } from "../core/merkle.ts";
import type { LogEntry } from "../core/ports.ts";
import { sha256Bytes } from "./bytes.ts";
import { type CheckpointProblem, readCheckpoint } from "./checkpoint.ts";
import type { VerifyingKey } from "./keys.ts";
import { hashOfLeaf, type Leaf, leafOf, leafText } from "./leaf.ts";
import type { SealedLog } from "./sealed-log.ts";

/** One thing that is wrong with a sealed log. */
export interface LogProblem {
  readonly code:
    | `checkpoint_${CheckpointProblem}`
    | "checkpoint_of_another_log"
    | "root_differs"
    | "truncated"
    | "anchor_differs"
    | "anchor_of_another_log"
    | "leaf_malformed"
    | "leaf_repeated"
    | "row_missing"
    | "row_changed"
    | "rows_unsealed_below";
  /** Which checkpoint, leaf or row. */
  readonly where: string;
}

/** What is wrong with a sealed log, if anything, and how far it reaches. */
export interface LogVerdict {
  readonly problems: readonly LogProblem[];
  /** Entries in the sealed log, under its last checkpoint, and under the last one that is anchored outside. */
  readonly leaves: number;
  readonly checkpointed: number;
  readonly anchored: number;
  /** Rows whose states retention has taken: their digests stand, what they were of is gone. */
  readonly forgotten: number;
  /** Rows after the last sealed one: not sealed yet. */
  readonly unsealed: number;
}

/** A sealed log, and what it is compared with. */
export interface LogToVerify {
  readonly log: SealedLog;
  readonly origin: string;
  readonly keys: readonly VerifyingKey[];
  /** Checkpoints from outside: what the log must still be the continuation of. */
  readonly anchors?: readonly string[];
  /** The store's own entries, in any order, and its secret. Left out: only the sealed log is looked at. */
  readonly rows?: { readonly entries: AsyncIterable<LogEntry>; readonly secret: string } | undefined;
}

/** Everything that does not fit: the leaves with the checkpoints, both with the anchors, and the rows with the leaves. */
export async function verifyLog({ log, origin, keys, anchors = [], rows }: LogToVerify): Promise<LogVerdict> {
  const problems: LogProblem[] = [];
  const signed = readAll(log.checkpoints, keys, origin, "checkpoint", problems);
  const anchoredOnes = readAll(anchors, keys, origin, "anchor", problems);
  const wanted = new Set([...signed, ...anchoredOnes].map(({ size }) => size));
  const roots = rootsAt(log.leaves, wanted);

  let checkpointed = 0;
  for (const { size, root, where } of signed) {
    const actual = roots.get(size);
    if (actual === undefined) problems.push({ code: "truncated", where });
    else if (!isEqual(actual, root)) problems.push({ code: "root_differs", where });
    else checkpointed = Math.max(checkpointed, size);
  }
  let anchored = 0;
  for (const { size, root, where } of anchoredOnes) {
    const actual = roots.get(size);
    if (actual === undefined) problems.push({ code: "truncated", where });
    else if (!isEqual(actual, root)) problems.push({ code: "anchor_differs", where });
    else anchored = Math.max(anchored, size);
  }
  if (signed.length === 0 && log.leaves.length > 0)
    problems.push({ code: "checkpoint_malformed", where: "there is none" });
  const counts = rows ? await compareRows(log.leaves, rows, problems) : { forgotten: 0, unsealed: 0 };
  return { problems, leaves: log.leaves.length, checkpointed, anchored, ...counts };
}

interface Signed {
  readonly size: number;
  readonly root: Uint8Array;
  readonly where: string;
}

function readAll(
  notes: readonly string[],
  keys: readonly VerifyingKey[],
  origin: string,
  what: "checkpoint" | "anchor",
  problems: LogProblem[],
): Signed[] {
  const read: Signed[] = [];
  for (const [n, note] of notes.entries()) {
    const where = `${what} ${n + 1}`;
    const found = readCheckpoint(note, keys);
    if (found === null) problems.push({ code: "checkpoint_malformed", where });
    else if (found.problem !== null) problems.push({ code: `checkpoint_${found.problem}`, where });
    else if (found.checkpoint.origin !== origin) problems.push({ code: `${what}_of_another_log`, where });
    else
      read.push({
        size: found.checkpoint.size,
        root: found.checkpoint.root,
        where: `${where}, size ${found.checkpoint.size}`,
      });
  }
  return read;
}

function rootsAt(leaves: readonly string[], sizes: ReadonlySet<number>): ReadonlyMap<number, Uint8Array> {
  const tree = new GrowingTree(sha256Bytes);
  const roots = new Map<number, Uint8Array>();
  if (sizes.has(0)) roots.set(0, tree.root());
  for (const text of leaves) {
    tree.add(hashOfLeaf(text));
    if (sizes.has(tree.size)) roots.set(tree.size, tree.root());
  }
  return roots;
}

async function compareRows(
  leaves: readonly string[],
  { entries, secret }: NonNullable<LogToVerify["rows"]>,
  problems: LogProblem[],
): Promise<{ forgotten: number; unsealed: number }> {
  const bySeq = new Map<number, Leaf>();
  const expired = new Set<string>();
  for (const [n, text] of leaves.entries()) {
    const leaf = parseLeaf(text);
    if (leaf === null) problems.push({ code: "leaf_malformed", where: `leaf ${n}` });
    else if (bySeq.has(leaf.seq)) problems.push({ code: "leaf_repeated", where: `leaf ${n}, entry ${leaf.seq}` });
    else bySeq.set(leaf.seq, leaf);
    if (leaf?.event === "expire") expired.add(requestOf(leaf.tenant, leaf.request_id));
  }
  let last = 0;
  for (const seq of bySeq.keys()) last = Math.max(last, seq);
  const counts = { forgotten: 0, unsealed: 0 };
  const open: LogEntry[] = [];
  for await (const entry of entries) {
    if (entry.event === "expire") expired.add(requestOf(entry.tenant, entry.requestId));
    const leaf = bySeq.get(entry.seq);
    if (leaf === undefined) {
      if (entry.seq > last) counts.unsealed += 1;
      else problems.push({ code: "rows_unsealed_below", where: `entry ${entry.seq}` });
      continue;
    }
    bySeq.delete(entry.seq);
    const now = leafOf(entry, secret);
    if (leafText(now) === leafText(leaf)) continue;
    const isForgotten =
      leafText({ ...now, before: now.before ?? leaf.before, after: now.after ?? leaf.after }) === leafText(leaf);
    if (isForgotten) open.push(entry);
    else problems.push({ code: "row_changed", where: `entry ${entry.seq}` });
  }
  for (const { seq, tenant, requestId } of open) {
    if (expired.has(requestOf(tenant, requestId))) counts.forgotten += 1;
    else problems.push({ code: "row_changed", where: `entry ${seq}` });
  }
  for (const seq of bySeq.keys()) problems.push({ code: "row_missing", where: `entry ${seq}` });
  return counts;
}

function parseLeaf(text: string): Leaf | null {
  try {
    const leaf = JSON.parse(text) as Leaf;
    return leaf.v === 1 && Number.isSafeInteger(leaf.seq) && leafText(leaf) === text ? leaf : null;
  } catch {
    return null;
  }
}

function requestOf(tenant: string, requestId: string | null): string {
  return `${tenant}\u0000${requestId}`;
}
