import { join } from "node:path";
import { setImmediate as turnOfOthers } from "node:timers/promises";
import { FinishedTree, isEqual } from "../core/merkle.ts";
import type { Receipt } from "../core/receipt.ts";
import { anchoredNotes } from "./anchored-notes.ts";
import { AppendedLines, type Place } from "./appended-lines.ts";
import { type Bundle, bundleFrom } from "./bundle.ts";
import { sha256Bytes, toBase64 } from "./bytes.ts";
import { readCheckpoint } from "./checkpoint.ts";
import type { SigningKey } from "./keys.ts";
import { hashOfLeaf, type Leaf } from "./leaf.ts";

/** Options of `sealedReceipts`. */
export interface SealedReceiptsOptions {
  /** Where the sealer writes. It may still be empty. */
  readonly folder: string;
  /** Asked each time: keys are rotated while a service runs. */
  readonly keys: () => readonly SigningKey[];
  /** Files with checkpoints that are anchored outside: as `fileAnchor` writes them, or with one in each. */
  readonly anchored?: readonly string[];
}

/** A checkpoint as it was signed, and what it says. */
export interface SignedCheckpoint {
  readonly note: string;
  readonly origin: string;
  readonly size: number;
  /** In base64. */
  readonly root: string;
  /** Ms since the epoch, by the store's clock. */
  readonly at: number;
}

/** A sealed log for a service, which is asked again and again while the sealer goes on. */
export interface SealedReceipts {
  /** The newest one, or the one over just so many entries; null: there is none. */
  checkpoint(size?: number): Promise<SignedCheckpoint | null>;
  /** Null while the sealer has not come to the receipt's last change. */
  bundle(receipt: Receipt): Promise<Bundle | null>;
}

/** Reads the log once, and then what is new: a question costs as much when the log is long as when it is short. */
export function sealedReceipts({ folder, keys, anchored = [] }: SealedReceiptsOptions): SealedReceipts {
  const anchors = anchored.map(anchoredNotes);
  let leafHashes: Uint8Array[] = [];
  let leafPlaces: Place[] = [];
  const leavesOf = new Map<string, number[]>();
  let tree = new FinishedTree(sha256Bytes, leafHashes);
  const checkpoints = new Map<number, Place>();
  let newest: number | null = null;

  const leafFile = new AppendedLines(
    join(folder, "leaves"),
    (text, place) => {
      const { tenant, request_id } = JSON.parse(text) as Leaf;
      if (request_id !== null) {
        const of = requestKey(tenant, request_id);
        const indexes = leavesOf.get(of);
        if (indexes) indexes.push(leafPlaces.length);
        else leavesOf.set(of, [leafPlaces.length]);
      }
      leafPlaces.push(place);
      leafHashes.push(hashOfLeaf(text));
    },
    () => {
      leafHashes = [];
      leafPlaces = [];
      leavesOf.clear();
      tree = new FinishedTree(sha256Bytes, leafHashes);
    },
  );
  const checkpointFile = new AppendedLines(
    join(folder, "checkpoints"),
    (text, place) => {
      const known = readCheckpoint(JSON.parse(text) as string, []);
      if (!known) throw new Error(`a line of ${folder}/checkpoints is no checkpoint`);
      newest = known.checkpoint.size;
      checkpoints.set(newest, place);
    },
    () => {
      checkpoints.clear();
      newest = null;
    },
  );
  while (checkpointFile.look());
  while (lookAtLeaves());

  function lookAtLeaves(): boolean {
    const isMore = leafFile.look();
    tree.root(); // a piece of the work, too
    return isMore;
  }

  function noteOf(size: number | null): string | null {
    const place = size === null ? undefined : checkpoints.get(size);
    return place ? (JSON.parse(checkpointFile.read(place)) as string) : null;
  }

  function leafAt(index: number): { index: number; leaf: string; is: Leaf } {
    const leaf = leafFile.read(leafPlaces[index] as Place);
    if (!isEqual(hashOfLeaf(leaf), leafHashes[index] as Uint8Array)) throw new Error(`${folder}/leaves was edited`);
    return { index, leaf, is: JSON.parse(leaf) as Leaf };
  }

  return {
    checkpoint: async (size) => {
      while (checkpointFile.look()) await turnOfOthers();
      const note = noteOf(size ?? newest);
      const known = note === null ? null : readCheckpoint(note, []);
      if (note === null || known === null) return null;
      const { origin, size: entries, root, at } = known.checkpoint;
      return { note, origin, size: entries, root: toBase64(root), at };
    },
    bundle: async (receipt) => {
      // In this order: the leaves of every checkpoint are there before it.
      while (checkpointFile.look()) await turnOfOthers();
      const note = noteOf(newest);
      if (note === null) return null;
      while (lookAtLeaves()) await turnOfOthers();
      const signing = keys();
      const known = readCheckpoint(note, signing);
      // Nobody shall be handed what does not verify.
      if (known?.problem !== null) throw new Error(`the newest checkpoint in ${folder} is not signed by these keys`);
      const { checkpoint } = known;
      const { size, root } = checkpoint;
      if (size > leafHashes.length || !isEqual(tree.root(0, size), root)) {
        throw new Error(`the leaves in ${folder} are not those of its newest checkpoint`);
      }
      const indexes = leavesOf.get(requestKey(receipt.tenant, receipt.requestId)) ?? [];
      const own = indexes.filter((index) => index < size).map(leafAt);
      return bundleFrom(
        receipt,
        { note, checkpoint, own, tree },
        anchors.flatMap((notes) => notes()),
        signing,
      );
    },
  };
}

function requestKey(tenant: string, requestId: string): string {
  return `${tenant}\u0000${requestId}`;
}
