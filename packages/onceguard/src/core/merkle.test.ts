import { createHash } from "node:crypto";
import { RFC9162 } from "@transmute/rfc9162";
import { describe, expect, test } from "vitest";
import { FinishedTree, GrowingTree, isConsistent, leafHash, rootOfInclusion, treeRoot } from "./merkle.ts";

const hash = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const entries = Array.from({ length: 70 }, (_, n) => new TextEncoder().encode(`entry ${n}`));
const leaves = entries.map((entry) => leafHash(hash, entry));

test("the roots of RFC 6962's own test vectors", () => {
  const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
  const roots = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ];
  const hashed = inputs.map((input) => leafHash(hash, Buffer.from(input, "hex")));
  expect(roots.map((_, n) => hex(treeRoot(hash, hashed.slice(0, n))))).toEqual(roots);
});

describe.each(Array.from({ length: 70 }, (_, n) => n + 1))("a tree of %i", (size) => {
  const ours = leaves.slice(0, size);
  const tree = new FinishedTree(hash, ours);
  const growing = new GrowingTree(hash);
  for (const leaf of ours) growing.add(leaf);

  test("has the root that another implementation computes", async () => {
    const root = hex(await RFC9162.treeHead(entries.slice(0, size)));
    expect([hex(tree.root()), hex(growing.root()), growing.size]).toEqual([root, root, size]);
  });

  test("every inclusion proof holds, here and there, and no other leaf's does", () => {
    const root = tree.root();
    for (let index = 0; index < size; index++) {
      const proof = tree.inclusionProof(index);
      expect(hex(rootOfInclusion(hash, leaves[index] as Uint8Array, index, size, proof) ?? hash(root))).toBe(hex(root));
      const wrong = rootOfInclusion(hash, leaves[index] as Uint8Array, (index + 1) % size, size, proof);
      if (size > 1) expect(wrong && hex(wrong)).not.toBe(hex(root));
      const longer = rootOfInclusion(hash, leaves[index] as Uint8Array, index, size, [...proof, root]);
      expect(longer).toBe(null);
    }
  });

  test("every earlier tree is proved to be its beginning, and no other is", () => {
    const newer = { size, root: tree.root() };
    for (let old = 1; old <= size; old++) {
      const older = { size: old, root: treeRoot(hash, leaves.slice(0, old)) };
      const proof = tree.consistencyProof(old);
      expect(isConsistent(hash, older, newer, proof)).toBe(true);
      const other = { size: old, root: treeRoot(hash, leaves.slice(1, old + 1)) };
      expect(isConsistent(hash, other, newer, proof)).toBe(false);
      expect(isConsistent(hash, older, { size, root: hash(newer.root) }, proof)).toBe(false);
    }
  });
});

test("another implementation verifies our proofs", async () => {
  const tree = new FinishedTree(hash, leaves);
  const log_id = "";
  for (const index of [0, 1, 31, 32, 63, 64, 69]) {
    const inclusion_path = tree.inclusionProof(index);
    const proof = { log_id, tree_size: 70, leaf_index: index, inclusion_path };
    const leaf = await RFC9162.leaf(entries[index] as Uint8Array);
    expect(await RFC9162.verifyInclusionProof(tree.root(), leaf, proof)).toBe(true);
    const size = index + 1;
    const ours = tree.consistencyProof(size);
    const older = treeRoot(hash, leaves.slice(0, size));
    // It leaves out step 2 of RFC 9162, section 2.1.4.2, and wants the older root in the path where the standard has none.
    const isPower = (size & (size - 1)) === 0;
    const consistency_path = isPower ? [older, ...ours] : ours;
    const consistency = { log_id, tree_size_1: size, tree_size_2: 70, consistency_path };
    if (size < 70) expect(await RFC9162.verifyConsistencyProof(older, tree.root(), consistency)).toBe(true);
  }
});

test("what cannot be a proof is none", () => {
  const leaf = leaves[0] as Uint8Array;
  for (const [index, size] of [
    [-1, 2],
    [2, 2],
    [0.5, 2],
    [0, Number.NaN],
  ] as const) {
    expect(rootOfInclusion(hash, leaf, index, size, [leaf])).toBe(null);
  }
  const [root] = leaves as [Uint8Array];
  expect(isConsistent(hash, { size: 3, root }, { size: 2, root }, [])).toBe(false);
  expect(isConsistent(hash, { size: 1, root }, { size: 2, root }, [])).toBe(false);
});

test("every tree begins with the empty one, which needs no proof", () => {
  const [root] = leaves as [Uint8Array];
  const tree = new FinishedTree(hash, leaves.slice(0, 5));
  expect(tree.consistencyProof(0)).toEqual([]);
  const newer = { size: 5, root: tree.root() };
  expect(isConsistent(hash, { size: 0, root }, newer, [])).toBe(true);
  expect(isConsistent(hash, { size: 0, root }, newer, [root])).toBe(false);
});

test("a proof that is cut off, or goes on, proves nothing", () => {
  const tree = new FinishedTree(hash, leaves.slice(0, 7));
  const newer = { size: 7, root: tree.root() };
  for (const size of [1, 2, 3, 4, 5, 6]) {
    const older = { size, root: treeRoot(hash, leaves.slice(0, size)) };
    const proof = tree.consistencyProof(size);
    for (let kept = 0; kept < proof.length; kept++)
      expect(isConsistent(hash, older, newer, proof.slice(0, kept))).toBe(false);
    expect(isConsistent(hash, older, newer, [...proof, older.root])).toBe(false);
  }
  const same = { size: 7, root: tree.root() };
  expect(isConsistent(hash, same, newer, [])).toBe(true);
  expect(isConsistent(hash, same, newer, [newer.root])).toBe(false);
  expect(isConsistent(hash, { size: 8, root: tree.root() }, newer, [])).toBe(false);
  expect(isConsistent(hash, { size: 7, root: newer.root.slice(0, 31) }, newer, [])).toBe(false);
});
