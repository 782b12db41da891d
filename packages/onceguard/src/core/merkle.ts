/** SHA-256 over bytes; the core has none of its own. */
export type HashBytes = (bytes: Uint8Array) => Uint8Array;

/** Leaves and nodes are told apart by their first byte (RFC 6962, section 2.1), so that no node passes for a leaf. */
export function leafHash(hash: HashBytes, entry: Uint8Array): Uint8Array {
  return hash(joined(Uint8Array.of(0), entry));
}

function nodeHash(hash: HashBytes, left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash(joined(Uint8Array.of(1), left, right));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * A tree that grows at its end. It keeps the roots of its complete subtrees, the largest first, and so costs as much per
 * leaf when it is large as when it is small.
 */
export class GrowingTree {
  readonly #hash: HashBytes;
  readonly #roots: { readonly size: number; readonly hash: Uint8Array }[] = [];
  #size = 0;

  constructor(hash: HashBytes) {
    this.#hash = hash;
  }

  get size(): number {
    return this.#size;
  }

  add(leaf: Uint8Array): void {
    let node = { size: 1, hash: leaf };
    for (let last = this.#roots.at(-1); last?.size === node.size; last = this.#roots.at(-1)) {
      this.#roots.pop();
      node = { size: 2 * node.size, hash: nodeHash(this.#hash, last.hash, node.hash) };
    }
    this.#roots.push(node);
    this.#size += 1;
  }

  root(): Uint8Array {
    const [last, ...larger] = this.#roots.map(({ hash }) => hash).reverse();
    if (!last) return this.#hash(new Uint8Array(0));
    return larger.reduce((right, left) => nodeHash(this.#hash, left, right), last);
  }
}

export function treeRoot(hash: HashBytes, leaves: readonly Uint8Array[]): Uint8Array {
  const tree = new GrowingTree(hash);
  for (const leaf of leaves) tree.add(leaf);
  return tree.root();
}

/** Subtrees up to here are computed anew: to keep them all costs more memory than the leaves. */
const SMALL = 8;

/**
 * Every large subtree of a tree over these leaf hashes, computed once: for many proofs of one tree, and of the trees over its
 * first `to` leaves. The list may grow at its end.
 */
export class FinishedTree {
  readonly #hash: HashBytes;
  readonly #leaves: readonly Uint8Array[];
  readonly #known = new Map<string, Uint8Array>();

  constructor(hash: HashBytes, leaves: readonly Uint8Array[]) {
    this.#hash = hash;
    this.#leaves = leaves;
  }

  root(from = 0, to: number = this.#leaves.length): Uint8Array {
    const size = to - from;
    if (size === 0) return this.#hash(new Uint8Array(0));
    if (size === 1) return this.#leaves[from] as Uint8Array;
    const key = `${from} ${to}`;
    const known = this.#known.get(key);
    if (known) return known;
    const middle = from + split(size);
    const node = nodeHash(this.#hash, this.root(from, middle), this.root(middle, to));
    if (size > SMALL) this.#known.set(key, node);
    return node;
  }

  /** RFC 6962, section 2.1.1: the hashes beside the way from a leaf to the root, the lowest first. */
  inclusionProof(index: number, from = 0, to: number = this.#leaves.length): Uint8Array[] {
    if (to - from <= 1) return [];
    const middle = from + split(to - from);
    return index < middle
      ? [...this.inclusionProof(index, from, middle), this.root(middle, to)]
      : [...this.inclusionProof(index, middle, to), this.root(from, middle)];
  }

  /** RFC 6962, section 2.1.2: that the tree of the first `size` leaves is the beginning of this one. */
  consistencyProof(size: number, to: number = this.#leaves.length): Uint8Array[] {
    return size === 0 ? [] : this.#subProof(size, 0, to, true);
  }

  #subProof(size: number, from: number, to: number, isWhole: boolean): Uint8Array[] {
    if (size === to - from) return isWhole ? [] : [this.root(from, to)];
    const half = split(to - from);
    const middle = from + half;
    return size <= half
      ? [...this.#subProof(size, from, middle, isWhole), this.root(middle, to)]
      : [...this.#subProof(size - half, middle, to, false), this.root(from, middle)];
  }
}

/** The largest power of two that is smaller. */
function split(size: number): number {
  let power = 1;
  while (2 * power < size) power *= 2;
  return power;
}

/** The root that this proof leads to from the leaf; null for a proof that cannot be one (RFC 9162, section 2.1.3.2). */
export function rootOfInclusion(
  hash: HashBytes,
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): Uint8Array | null {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return null;
  let [at, last] = [index, size - 1];
  let node = leaf;
  for (const beside of proof) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      node = nodeHash(hash, beside, node);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else node = nodeHash(hash, node, beside);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? node : null;
}

/** Whether the older tree is the beginning of the newer one (RFC 9162, section 2.1.4.2). */
export function isConsistent(
  hash: HashBytes,
  older: { readonly size: number; readonly root: Uint8Array },
  newer: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (older.size > newer.size) return false;
  if (older.size === newer.size) return proof.length === 0 && isEqual(older.root, newer.root);
  if (older.size === 0) return proof.length === 0;
  const path = [...proof];
  let [at, last] = [older.size - 1, newer.size - 1];
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  const first = at === 0 ? older.root : path.shift();
  if (!first) return false;
  let [oldNode, newNode] = [first, first];
  for (const beside of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      oldNode = nodeHash(hash, beside, oldNode);
      newNode = nodeHash(hash, beside, newNode);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else newNode = nodeHash(hash, newNode, beside);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && isEqual(oldNode, older.root) && isEqual(newNode, newer.root);
}

export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, n) => byte === b[n]);
}
