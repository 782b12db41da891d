import { OnceguardError } from "../core/errors.ts";
import { FinishedTree, isConsistent, isEqual, rootOfInclusion } from "../core/merkle.ts";
import type { Receipt } from "../core/receipt.ts";
import { fromBase64, sha256Bytes, toBase64 } from "./bytes.ts";
import { type Checkpoint, readCheckpoint } from "./checkpoint.ts";
import { currentKey, type SigningKey, type VerifyingKey } from "./keys.ts";
import { hashOfLeaf, type Leaf } from "./leaf.ts";
import { receiptClaims, signReceipt, verifyReceipt } from "./receipt-jws.ts";
import type { SealedLog } from "./sealed-log.ts";

/** A receipt with everything that an outsider needs to check it, offline. Binary parts in base64. */
export interface Bundle {
  readonly v: 1;
  /** The receipt, as a JWS. */
  readonly receipt: string;
  /** Every sealed entry of the request, with its way to the root. */
  readonly leaves: readonly { readonly index: number; readonly leaf: string; readonly proof: readonly string[] }[];
  readonly checkpoint: string;
  /** The newest one that is anchored outside, with the proof that the other continues it; null: none is. */
  readonly anchor: { readonly checkpoint: string; readonly proof: readonly string[] } | null;
}

/**
 * A receipt with the proof that it is in the sealed log: everything that a stranger needs to check it offline.
 *
 * @param anchors checkpoints that are anchored outside, oldest first.
 * @throws OnceguardError `not_resolvable` while the sealer has not come to the receipt's last change
 */
export async function makeBundle(
  receipt: Receipt,
  log: SealedLog,
  anchors: readonly string[],
  keys: readonly SigningKey[],
): Promise<Bundle> {
  const newest = log.checkpoints.at(-1);
  const known = newest === undefined ? null : readCheckpoint(newest, keys);
  if (newest === undefined || known === null) throw notSealed(receipt);
  const { checkpoint } = known;
  const leaves = log.leaves.slice(0, checkpoint.size);
  const own = leaves
    .map((leaf, index) => ({ leaf, index, is: JSON.parse(leaf) as Leaf }))
    .filter(({ is }) => is.tenant === receipt.tenant && is.request_id === receipt.requestId);
  const tree = new FinishedTree(sha256Bytes, leaves.map(hashOfLeaf));
  const bundle = await bundleFrom(receipt, { note: newest, checkpoint, own, tree }, anchors, keys);
  if (bundle === null) throw notSealed(receipt);
  return bundle;
}

/** What a bundle is made from: a checkpoint, the leaves of the request below it, and a tree that reaches at least so far. */
export interface BundleParts {
  readonly note: string;
  readonly checkpoint: Checkpoint;
  readonly own: readonly { readonly index: number; readonly leaf: string; readonly is: Leaf }[];
  readonly tree: FinishedTree;
}

/** Null while the sealer has not come to the receipt's last change. */
export async function bundleFrom(
  receipt: Receipt,
  { note, checkpoint: { size, origin }, own, tree }: BundleParts,
  anchors: readonly string[],
  keys: readonly SigningKey[],
): Promise<Bundle | null> {
  const made = (version: number) =>
    own.find(({ is }) => is.version === version && is.state !== null && !BESIDE.has(is.event));
  const current = made(receipt.version);
  if (!current) return null;
  const digest = (leaf: string) => toBase64(hashOfLeaf(leaf));
  const previous = made(receipt.version - 1);
  const claims = receiptClaims(receipt, origin, digest(current.leaf), previous ? digest(previous.leaf) : null);
  const anchor = newestAnchor(anchors, size, keys);
  return {
    v: 1,
    receipt: await signReceipt(claims, currentKey(keys, receipt.readAt)),
    leaves: own.map(({ leaf, index }) => ({ index, leaf, proof: tree.inclusionProof(index, 0, size).map(toBase64) })),
    checkpoint: note,
    anchor: anchor && {
      checkpoint: anchor.text,
      proof: tree.consistencyProof(anchor.size, size).map(toBase64),
    },
  };
}

function newestAnchor(
  anchors: readonly string[],
  most: number,
  keys: readonly VerifyingKey[],
): { readonly text: string; readonly size: number } | null {
  for (const text of anchors.toReversed()) {
    const size = readCheckpoint(text, keys)?.checkpoint.size;
    if (size !== undefined && size <= most) return { text, size };
  }
  return null;
}

/** They carry the version of the record, and have not made it. */
const BESIDE: ReadonlySet<string> = new Set(["before", "replayed", "drift", "late_failure", "proposed"]);

function notSealed({ requestId }: Receipt): OnceguardError {
  return new OnceguardError(
    "not_resolvable",
    `The last change of request "${requestId}" is not sealed yet. Run \`onceguard seal\`, then ask again.`,
    { requestId },
  );
}

/** What is wrong with a bundle, if anything, and what it proves. */
export interface BundleVerdict {
  readonly problems: readonly string[];
  /** What the receipt says; null where it cannot be believed. */
  readonly claims: Readonly<Record<string, unknown>> | null;
  /** Whether its last change lies before what is anchored outside. */
  readonly isAnchored: boolean;
}

/** Null for what is no bundle at all. */
export async function verifyBundle(bundle: unknown, keys: readonly VerifyingKey[]): Promise<BundleVerdict | null> {
  if (!isBundle(bundle)) return null;
  const problems: string[] = [];
  const checkpoint = readCheckpoint(bundle.checkpoint, keys);
  if (checkpoint === null) return null;
  if (checkpoint.problem !== null) problems.push(`checkpoint_${checkpoint.problem}`);
  const verified = await verifyReceipt(bundle.receipt, keys);
  if ("problem" in verified) problems.push(verified.problem);
  const claims = "claims" in verified ? verified.claims : null;

  const { size, root, origin } = checkpoint.checkpoint;
  for (const { index, leaf, proof } of bundle.leaves) {
    const bytes = decoded(proof);
    const found = bytes && rootOfInclusion(sha256Bytes, hashOfLeaf(leaf), index, size, bytes);
    if (!found || !isEqual(found, root)) problems.push(`leaf_${index}_not_in_the_tree`);
  }
  const current = claims && bundle.leaves.find(({ leaf }) => toBase64(hashOfLeaf(leaf)) === claims.leaf);
  if (claims) {
    if (claims.iss !== origin) problems.push("receipt_of_another_log");
    if (!current) problems.push("receipt_not_in_the_log");
    else if (!fits(JSON.parse(current.leaf) as Leaf, claims)) problems.push("receipt_differs_from_the_log");
  }
  const anchoredSize = anchorSize(bundle, keys, { size, root, origin }, problems);
  return { problems, claims, isAnchored: current !== null && current !== undefined && current.index < anchoredSize };
}

/** The leaf speaks of this very version of this request. */
function fits(leaf: Leaf, claims: Readonly<Record<string, unknown>>): boolean {
  return (
    leaf.tenant === claims.tenant &&
    leaf.request_id === claims.request_id &&
    leaf.state === claims.state &&
    leaf.version === claims.version &&
    leaf.fencing_token === claims.fencing_token &&
    leaf.attempt_number === claims.attempt_number &&
    leaf.at === claims.updated_at
  );
}

function anchorSize(
  { anchor }: Bundle,
  keys: readonly VerifyingKey[],
  newer: { readonly size: number; readonly root: Uint8Array; readonly origin: string },
  problems: string[],
): number {
  if (anchor === null) return 0;
  const older = readCheckpoint(anchor.checkpoint, keys);
  const proof = decoded(anchor.proof);
  const isGood =
    older !== null &&
    older.problem === null &&
    older.checkpoint.origin === newer.origin &&
    proof !== null &&
    isConsistent(sha256Bytes, older.checkpoint, newer, proof);
  if (isGood) return older.checkpoint.size;
  problems.push("anchor_differs");
  return 0;
}

function decoded(texts: readonly string[]): Uint8Array[] | null {
  const bytes = texts.map(fromBase64);
  return bytes.every((one) => one?.length === 32) ? (bytes as Uint8Array[]) : null;
}

function isBundle(value: unknown): value is Bundle {
  const { v, receipt, leaves, checkpoint, anchor } = (value ?? {}) as Partial<Record<keyof Bundle, unknown>>;
  if (v !== 1 || typeof receipt !== "string" || typeof checkpoint !== "string" || !Array.isArray(leaves)) return false;
  const isTexts = (list: unknown) => Array.isArray(list) && list.every((text) => typeof text === "string");
  const isLeaf = (one: Partial<Bundle["leaves"][number]> | null) =>
    typeof one?.leaf === "string" && Number.isSafeInteger(one.index) && isTexts(one.proof) && isJson(one.leaf);
  if (!leaves.every(isLeaf)) return false;
  const { checkpoint: note, proof } = (anchor ?? {}) as Partial<NonNullable<Bundle["anchor"]>>;
  return anchor === null || (typeof note === "string" && isTexts(proof));
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}
