import { createHash, createHmac, createPublicKey, verify } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RFC9162 } from "@transmute/rfc9162";
import { createVerifier } from "fast-jwt";
import { CompactSign, SignJWT } from "jose";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { defineAction } from "../core/action.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import { treeRoot } from "../core/merkle.ts";
import type { LogEntry, Store } from "../core/ports.ts";
import { createGuard } from "../pipeline/create-guard.ts";
import { sqliteStore } from "../stores/sqlite/sqlite-store.ts";
import { fileAnchor } from "./anchor.ts";
import { type Bundle, makeBundle, verifyBundle } from "./bundle.ts";
import { sha256Bytes, toBase64 } from "./bytes.ts";
import { signCheckpoint } from "./checkpoint.ts";
import { keyText, newKey, readKeys, rotated, type SigningKey } from "./keys.ts";
import { hashOfLeaf, leafOf, leafText } from "./leaf.ts";
import { readSealedLog } from "./sealed-log.ts";
import { openSealer } from "./sealer.ts";
import { type LogVerdict, verifyLog } from "./verify-log.ts";

const ORIGIN = "onceguard.example/test";
const KEY = newKey(0);
const OTHER = newKey(0);

interface Place {
  readonly folder: string;
  readonly database: string;
  readonly sealed: string;
  readonly anchors: string;
}

let place: Place;
let ids: string[];

/** Twelve requests, sealed in three passes; the last one is not anchored. */
beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-seal-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  place = {
    folder,
    database: join(folder, "onceguard.db"),
    sealed: join(folder, "sealed"),
    anchors: join(folder, "anchors"),
  };
  ids = [];
  for (let round = 0; round < 3; round++) {
    await work(async (guard) => {
      for (let n = 0; n < 4; n++) ids.push((await guard.execute("flag", { id: `${round}.${n}` })).requestId);
    });
    await seal(round < 2);
  }
});

const flag = defineAction({
  name: "flag",
  riskTier: "side_effecting",
  keyFields: ["id"],
  record: (p: { id: string }) => `shipment:${p.id}`,
  before: () => ({ priority: "normal" }),
  after: () => ({ priority: "urgent" }),
  execute: () => "done",
});

async function work(does: (guard: ReturnType<typeof make>["guard"]) => Promise<void>): Promise<void> {
  const { guard } = make();
  await does(guard);
  await guard.close();
}

function make() {
  const store = sqliteStore({ path: place.database });
  return { store, guard: createGuard({ store, actions: [flag], sweepEvery: false, spill: false }) };
}

async function seal(isAnchored = true, keys: readonly SigningKey[] = [KEY]) {
  const store = sqliteStore({ path: place.database });
  const anchors = isAnchored ? [fileAnchor(place.anchors)] : [];
  const sealer = await openSealer({ store, folder: place.sealed, origin: ORIGIN, keys, anchors });
  const done = await sealer.seal();
  sealer.close();
  await store.close();
  return done;
}

function anchors(): string[] {
  const text = existsSync(place.anchors) ? readFileSync(place.anchors, "utf8") : "";
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

async function* entriesOf(store: Store): AsyncGenerator<LogEntry> {
  yield* await store.searchLog({ order: "oldest", limit: 10_000 });
}

async function verdict(keys = [KEY]): Promise<LogVerdict> {
  const store = sqliteStore({ path: place.database });
  const { secret } = await store.open();
  const rows = { entries: entriesOf(store), secret };
  const found = await verifyLog({ log: readSealedLog(place.sealed), origin: ORIGIN, keys, anchors: anchors(), rows });
  await store.close();
  return found;
}

const codes = ({ problems }: LogVerdict) => [...new Set(problems.map(({ code }) => code))].sort();

function sql(...statements: string[]): void {
  const db = new DatabaseSync(place.database);
  for (const statement of statements) db.exec(statement);
  db.close();
}

function lines(name: "leaves" | "checkpoints", change?: (lines: string[]) => string[]): string[] {
  const path = join(place.sealed, name);
  const all = readFileSync(path, "utf8").split("\n").slice(0, -1);
  if (change) writeFileSync(path, `${change(all).join("\n")}\n`);
  return all;
}

/** What somebody with the signing key can do: any log, with a checkpoint that fits it. */
function resign(key: SigningKey, leaves: readonly string[]): void {
  const root = treeRoot(sha256Bytes, leaves.map(hashOfLeaf));
  const note = signCheckpoint({ origin: ORIGIN, size: leaves.length, root, at: Date.now() }, key);
  writeFileSync(join(place.sealed, "leaves"), `${leaves.join("\n")}\n`);
  writeFileSync(join(place.sealed, "checkpoints"), `${JSON.stringify(note)}\n`);
}

test("an untouched log verifies, and what is anchored is told from what is not", async () => {
  expect(await verdict()).toEqual({
    problems: [],
    leaves: 36,
    checkpointed: 36,
    anchored: 24,
    forgotten: 0,
    unsealed: 0,
  });
  await work(async (guard) => void (await guard.execute("flag", { id: "new" })));
  expect(await verdict()).toMatchObject({ problems: [], unsealed: 3, checkpointed: 36 });
  expect(await seal()).toMatchObject({ sealed: 3, size: 39 });
  expect(await seal()).toMatchObject({ sealed: 0, checkpoint: null });
  expect(await verdict()).toMatchObject({ problems: [], anchored: 39 });
});

test.each([
  [
    "a row is edited: what happened",
    "UPDATE onceguard_log SET event = 'definite_failure' WHERE seq = 3",
    ["row_changed"],
  ],
  ["a row is edited: who did it", "UPDATE onceguard_log SET actor = 'somebody' WHERE seq = 30", ["row_changed"]],
  [
    "a row is edited: the record before",
    `UPDATE onceguard_log SET state_before = '{"priority":"low"}' WHERE seq = 2`,
    ["row_changed"],
  ],
  [
    "a state is taken out, without retention",
    "UPDATE onceguard_log SET state_before = NULL WHERE seq = 2",
    ["row_changed"],
  ],
  ["a state is added", "UPDATE onceguard_log SET state_after = '1' WHERE seq = 1", ["row_changed"]],
  ["a row is deleted", "DELETE FROM onceguard_log WHERE seq = 5", ["row_missing"]],
  ["the tail is cut off", "DELETE FROM onceguard_log WHERE seq > 30", ["row_missing"]],
  [
    "a row is slipped in",
    "INSERT INTO onceguard_log SELECT -1, request, tenant, request_id, event, action, record_id, run_id, actor, host_scope, host_call_id, trace_id, cause, state, version, fencing_token, attempt_number, state_before, state_after, detail, at FROM onceguard_log WHERE seq = 4",
    ["rows_unsealed_below"],
  ],
])("%s", async (_what, statement, expected) => {
  sql(statement);
  expect(codes(await verdict())).toEqual(expected);
});

test("two rows are swapped", async () => {
  sql(
    "UPDATE onceguard_log SET seq = -4 WHERE seq = 4",
    "UPDATE onceguard_log SET seq = 4 WHERE seq = 7",
    "UPDATE onceguard_log SET seq = 7 WHERE seq = -4",
  );
  expect(codes(await verdict())).toEqual(["row_changed"]);
});

test("row and leaf are edited alike", async () => {
  sql("UPDATE onceguard_log SET actor = 'somebody' WHERE seq = 3");
  const store = sqliteStore({ path: place.database });
  const { secret } = await store.open();
  const entry = (await store.searchLog({ order: "oldest", limit: 3 }))[2] as LogEntry;
  await store.close();
  const forged = lines("leaves").map((line, n) => (n === 2 ? leafText(leafOf(entry, secret)) : line));
  lines("leaves", () => forged);
  expect(codes(await verdict())).toEqual(["anchor_differs", "root_differs"]);
  resign(OTHER, forged);
  expect(codes(await verdict())).toContain("checkpoint_not_signed");
  resign(KEY, forged); // and the key is stolen: what is anchored outside tells all the same
  expect(codes(await verdict())).toEqual(["anchor_differs"]);
});

test("the sealed log is cut off, and its last checkpoint is an old one again", async () => {
  lines("leaves", (all) => all.slice(0, 12));
  expect(codes(await verdict())).toContain("truncated");
  lines("checkpoints", (all) => all.slice(0, 1));
  expect(await verdict()).toMatchObject({
    problems: [{ code: "truncated", where: "anchor 2, size 24" }],
    unsealed: 24,
  });
});

test("leaves are swapped, repeated, or none", async () => {
  const all = lines("leaves");
  lines("leaves", () => [all[1], all[0], ...all.slice(2)] as string[]);
  expect(codes(await verdict())).toEqual(["anchor_differs", "root_differs"]);
  lines("leaves", () => [...all, all[0] as string]);
  expect(codes(await verdict())).toEqual(["leaf_repeated"]);
  lines("leaves", () => ["{}", ...all.slice(1)]);
  expect(codes(await verdict())).toContain("leaf_malformed");
});

test("a checkpoint of another log, and one that is none", async () => {
  const note = JSON.parse(lines("checkpoints")[0] as string) as string;
  const other = signCheckpoint({ origin: "other.example", size: 1, root: new Uint8Array(32), at: 1 }, KEY);
  lines("checkpoints", (all) => [
    ...all,
    JSON.stringify(other),
    JSON.stringify(note.replace("\n12\n", "\n13\n")),
    '"x"',
  ]);
  expect(codes(await verdict())).toEqual([
    "checkpoint_malformed",
    "checkpoint_not_signed",
    "checkpoint_of_another_log",
  ]);
});

test("retention takes the states and leaves the proof", async () => {
  await work(async (guard) => {
    expect(await guard.expire({ olderThan: 0 })).toEqual({ expired: 12 });
  });
  await seal();
  expect(await verdict()).toMatchObject({ problems: [], forgotten: 24, anchored: 48 });
});

test("keys are rotated: what an old key has signed is believed as long as it was the key then", async () => {
  const keys = rotated([KEY], Date.now() + 1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await work(async (guard) => void (await guard.execute("flag", { id: "new" })));
  await seal(true, keys);
  expect(await verdict(keys as SigningKey[])).toMatchObject({ problems: [], anchored: 39 });
  expect(codes(await verdict([keys[1] as SigningKey]))).toContain("checkpoint_not_signed");
  const late = { ...KEY, notAfter: 1 };
  expect(codes(await verdict([late, keys[1] as SigningKey]))).toContain("checkpoint_key_not_valid_then");
  expect(readKeys(keyText(keys, false))?.map(({ kid, privateKey }) => [kid, privateKey])).toEqual(
    keys.map(({ kid }) => [kid, null]),
  );
  const swapped = JSON.parse(keyText([KEY, OTHER], false));
  swapped.keys[0].kid = OTHER.kid;
  expect(readKeys(JSON.stringify(swapped))).toBe(null);
});

test("there is one sealer, and one that was killed is taken over, with what it had begun to write", async () => {
  const store = sqliteStore({ path: place.database });
  const options = { store, folder: place.sealed, origin: ORIGIN, keys: [KEY] };
  const sealer = await openSealer(options);
  await expect(openSealer(options)).rejects.toMatchObject({ code: "store_unusable" });
  sealer.close();
  writeFileSync(join(place.sealed, "lock"), "999999999");
  writeFileSync(join(place.sealed, "leaves"), '{"v":1,"seq":', { flag: "a" });
  writeFileSync(join(place.sealed, "checkpoints"), '"onceg', { flag: "a" });
  (await openSealer(options)).close();
  await store.close();
  expect(await verdict()).toMatchObject({ problems: [], leaves: 36 });
});

// ---- receipts

async function bundleOf(id: string, keys: readonly SigningKey[] = [KEY]): Promise<Bundle> {
  const { guard } = make();
  const receipt = await guard.receipt(id);
  await guard.close();
  if (!receipt) throw new Error("no receipt");
  return makeBundle(receipt, readSealedLog(place.sealed), anchors(), keys);
}

test("a receipt is verified offline, with what it says, and whether it is anchored", async () => {
  const old = await verifyBundle(JSON.parse(JSON.stringify(await bundleOf(ids[0] as string))), [KEY]);
  expect(old).toMatchObject({
    problems: [],
    isAnchored: true,
    claims: { state: "succeeded", request_id: ids[0], evidence: "effect", iss: ORIGIN },
  });
  const fresh = await verifyBundle(await bundleOf(ids[11] as string), [KEY]);
  expect(fresh).toMatchObject({ problems: [], isAnchored: false });
});

test("a receipt links to the version before it", async () => {
  const bundle = await bundleOf(ids[0] as string);
  const { claims } = (await verifyBundle(bundle, [KEY])) ?? {};
  const [claim] = bundle.leaves;
  expect(claims?.previous).toBe(toBase64(hashOfLeaf(claim?.leaf ?? "")));
});

test("what is not sealed yet cannot be exported", async () => {
  await work(async (guard) => void ids.push((await guard.execute("flag", { id: "new" })).requestId));
  await expect(bundleOf(ids.at(-1) as string)).rejects.toMatchObject({ code: "not_resolvable" });
});

async function signed(header: object, claims: object, key: SigningKey | Uint8Array): Promise<string> {
  const sign = new CompactSign(new TextEncoder().encode(canonicalJson(claims as never))).setProtectedHeader(
    header as never,
  );
  return sign.sign(key instanceof Uint8Array ? key : key.privateKey);
}

test("every way to forge a receipt is noticed", async () => {
  const bundle = await bundleOf(ids[0] as string);
  const other = await bundleOf(ids[1] as string);
  const [head = "", body = "", signature = ""] = bundle.receipt.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString());
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = JSON.parse(Buffer.from(head, "base64url").toString());
  const publicBytes = new TextEncoder().encode(KEY.publicKey.export({ type: "spki", format: "pem" }) as string);
  const hs256 = `${encode({ ...header, alg: "HS256" })}.${body}`;
  const hmac = createHmac("sha256", publicBytes).update(hs256).digest("base64url");
  const forged: [string, Partial<Bundle>, string][] = [
    [
      "another payload",
      { receipt: `${head}.${encode({ ...claims, state: "failed" })}.${signature}` },
      "receipt_signature",
    ],
    ["no algorithm", { receipt: `${encode({ ...header, alg: "none" })}.${body}.` }, "receipt_algorithm"],
    ["the public key as a secret", { receipt: `${hs256}.${hmac}` }, "receipt_algorithm"],
    ["another type", { receipt: await signed({ ...header, typ: "JWT" }, claims, KEY) }, "receipt_algorithm"],
    ["an unknown kid", { receipt: await signed({ ...header, kid: OTHER.kid }, claims, OTHER) }, "receipt_key_unknown"],
    ["a known kid, another key", { receipt: await signed(header, claims, OTHER) }, "receipt_signature"],
    [
      "a key of its own in the header",
      { receipt: await signed({ ...header, jwk: OTHER.publicKey.export({ format: "jwk" }) }, claims, OTHER) },
      "receipt_signature",
    ],
    [
      "not canonical",
      { receipt: await new SignJWT({ b: 1, a: 2 }).setProtectedHeader(header).sign(KEY.privateKey) },
      "receipt_not_canonical",
    ],
    ["another log", { receipt: await signed(header, { ...claims, iss: "other" }, KEY) }, "receipt_of_another_log"],
    [
      "another state than the log's",
      { receipt: await signed(header, { ...claims, state: "failed" }, KEY) },
      "receipt_differs_from_the_log",
    ],
    [
      "no entry in the log",
      { receipt: await signed(header, { ...claims, leaf: "AAAA" }, KEY) },
      "receipt_not_in_the_log",
    ],
    ["somebody else's entries", { leaves: other.leaves }, "receipt_not_in_the_log"],
    [
      "an edited entry",
      {
        leaves: bundle.leaves.map((one) => ({
          ...one,
          leaf: one.leaf.replace("urgent", "x").replace('"v":1', '"v":1 '),
        })),
      },
      "leaf_0_not_in_the_tree",
    ],
    [
      "another place in the tree",
      { leaves: bundle.leaves.map((one) => ({ ...one, index: one.index + 1 })) },
      "leaf_1_not_in_the_tree",
    ],
    ["an older checkpoint", { checkpoint: anchors()[0] as string }, "leaf_0_not_in_the_tree"],
    [
      "another anchor",
      {
        anchor: {
          checkpoint: signCheckpoint({ origin: ORIGIN, size: 24, root: new Uint8Array(32), at: Date.now() }, KEY),
          proof: bundle.anchor?.proof ?? [],
        },
      },
      "anchor_differs",
    ],
    [
      "an anchor by somebody else",
      {
        anchor: {
          checkpoint: signCheckpoint({ origin: ORIGIN, size: 24, root: new Uint8Array(32), at: 1 }, OTHER),
          proof: [],
        },
      },
      "anchor_differs",
    ],
  ];
  for (const [what, change, problem] of forged) {
    expect((await verifyBundle({ ...bundle, ...change }, [KEY]))?.problems, what).toContain(problem);
  }
  expect(await verifyBundle(bundle, [OTHER])).toMatchObject({
    problems: expect.arrayContaining(["checkpoint_not_signed", "receipt_key_unknown"]),
  });
  expect((await verifyBundle(bundle, [{ ...KEY, notAfter: 1 }]))?.problems).toContain("receipt_key_not_valid_then");
});

test.each([null, 1, [], {}, { v: 2 }, { v: 1, receipt: "", checkpoint: "", leaves: [], anchor: null }])(
  "%j is no bundle",
  async (value) => {
    expect(await verifyBundle(value, [KEY])).toBe(null);
  },
);

test("other implementations agree: EdDSA by fast-jwt and node:crypto, the tree by rfc9162", async () => {
  const bundle = await bundleOf(ids[0] as string);
  const pem = KEY.publicKey.export({ type: "spki", format: "pem" }) as string;
  const decode = createVerifier({ key: pem, algorithms: ["EdDSA"] });
  expect(decode(bundle.receipt)).toMatchObject({ request_id: ids[0], state: "succeeded" });
  const [text, sealedAt] = bundle.checkpoint.split("\n\n") as [string, string];
  const signature = Buffer.from(sealedAt.trim().split(" ")[2] ?? "", "base64").subarray(4);
  expect(verify(null, Buffer.from(`${text}\n`), createPublicKey(pem), signature)).toBe(true);
  const root = new Uint8Array(Buffer.from(text.split("\n")[2] ?? "", "base64"));
  const leaves = lines("leaves").map((line) => new TextEncoder().encode(line));
  expect(toBase64(await RFC9162.treeHead(leaves))).toBe(toBase64(root));
  for (const { index, leaf, proof } of bundle.leaves) {
    const inclusion_path = proof.map((one) => new Uint8Array(Buffer.from(one, "base64")));
    const given = { log_id: "", tree_size: 36, leaf_index: index, inclusion_path };
    expect(await RFC9162.verifyInclusionProof(root, await RFC9162.leaf(new TextEncoder().encode(leaf)), given)).toBe(
      true,
    );
  }
});

test("what is in a leaf cannot be guessed, and nothing private is in the clear", () => {
  const text = readFileSync(join(place.sealed, "leaves"), "utf8");
  expect(text).not.toContain("urgent");
  expect(text).not.toContain("shipment:");
  const guess = createHash("sha256").update('{"priority":"urgent"}').digest("hex");
  expect(text).not.toContain(guess);
});
