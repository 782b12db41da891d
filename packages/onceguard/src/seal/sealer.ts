import { GrowingTree } from "../core/merkle.ts";
import type { LogEntry, Store } from "../core/ports.ts";
import type { Anchor } from "./anchor.ts";
import { sha256Bytes } from "./bytes.ts";
import { readCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { currentKey, type SigningKey } from "./keys.ts";
import { hashOfLeaf, type Leaf, leafOf, leafText } from "./leaf.ts";
import { appendLines, dropCutOffLines, lockSealedLog, readSealedLog } from "./sealed-log.ts";

/** Options of `openSealer`. */
export interface SealerOptions {
  readonly store: Store;
  /** Where the sealed log is. Keep it on other disks than the store, and let nobody else write there. */
  readonly folder: string;
  readonly origin: string;
  readonly keys: readonly SigningKey[];
  readonly anchors?: readonly Anchor[];
  /** Told of anchors that could not be reached; the next pass tries them again, with the newest checkpoint. */
  readonly onAnchorError?: (name: string, error: unknown) => void;
}

/** What one pass has sealed: new entries, and the size of the log since. */
export interface Sealed {
  readonly sealed: number;
  readonly size: number;
  /** Null: nothing was new, and there was a checkpoint already. */
  readonly checkpoint: string | null;
}

/** Appends what is new in the store's log to the sealed log, and signs it. */
export interface Sealer {
  /** One pass over what is new. */
  seal(): Promise<Sealed>;
  close(): void;
}

const PAGE = 1_000;
/** An entry gets its place when it is written, and is seen when it is committed: so long it is looked for. */
const LOOKS_BACK_MS = 600_000;

/**
 * Seals committed entries of the log into a Merkle tree, in an order of its own. Off the hot path: it only reads the store.
 * It may be killed at any point; what it had begun to write is written anew.
 */
export async function openSealer(options: SealerOptions): Promise<Sealer> {
  const { store, folder, origin, keys, anchors = [] } = options;
  const { secret } = await store.open();
  const unlock = lockSealedLog(folder);
  dropCutOffLines(folder);
  const known = readSealedLog(folder);
  const tree = new GrowingTree(sha256Bytes);
  /** Sealed places, by when they were sealed here. */
  const sealed = new Map<number, number>();
  for (const text of known.leaves) {
    tree.add(hashOfLeaf(text));
    sealed.set((JSON.parse(text) as Leaf).seq, Number.NEGATIVE_INFINITY);
  }
  const last = known.checkpoints.at(-1);
  let sizeSigned = last === undefined ? -1 : (readCheckpoint(last, keys)?.checkpoint.size ?? -1);
  let newest = last ?? "";
  /** Who could not be told of the newest checkpoint. */
  let owed: readonly Anchor[] = [];
  let from = 0; // the first pass looks at everything: another life of the sealer may have missed something

  async function seal(): Promise<Sealed> {
    const now = await store.now();
    const sizeBefore = tree.size;
    for (let after = from; ; ) {
      const page = await store.searchLog({ order: "oldest", after, limit: PAGE });
      addLeaves(
        page.filter(({ seq }) => !sealed.has(seq)),
        now,
      );
      if (page.length < PAGE) break;
      after = page.at(-1)?.seq ?? after;
    }
    from = lookBackTo(sealed, from, now);
    for (const seq of sealed.keys()) if (seq <= from) sealed.delete(seq); // nobody asks for them any more
    if (tree.size === sizeSigned) {
      await tell(owed);
      return { sealed: 0, size: tree.size, checkpoint: null };
    }
    const note = signCheckpoint({ origin, size: tree.size, root: tree.root(), at: now }, currentKey(keys, now));
    appendLines(folder, "checkpoints", [JSON.stringify(note)]);
    sizeSigned = tree.size;
    newest = note;
    await tell(anchors);
    return { sealed: tree.size - sizeBefore, size: tree.size, checkpoint: note };
  }

  /** A page at a time: the first pass may have years to do. */
  function addLeaves(entries: readonly LogEntry[], now: number): void {
    const texts = entries.map((entry) => leafText(leafOf(entry, secret)));
    appendLines(folder, "leaves", texts);
    for (const text of texts) tree.add(hashOfLeaf(text));
    for (const { seq } of entries) sealed.set(seq, now);
  }

  async function tell(these: readonly Anchor[]): Promise<void> {
    const missed: Anchor[] = [];
    await Promise.all(
      these.map((anchor) =>
        anchor.anchor(newest).catch((error) => {
          missed.push(anchor);
          options.onAnchorError?.(anchor.name, error);
        }),
      ),
    );
    owed = missed;
  }

  return { seal, close: unlock };
}

/** Behind the newest place that was sealed long ago. What lies before is not looked for any more until the next start. */
function lookBackTo(sealed: ReadonlyMap<number, number>, from: number, now: number): number {
  let place = from;
  for (const [seq, at] of sealed) if (at < now - LOOKS_BACK_MS && seq > place) place = seq;
  return place;
}
