import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { apiKeys, makeApiKey } from "./api-key.ts";
import { changeKeys, keyFile, readKeys } from "./key-file.ts";

const NOW = new Date("2026-11-21T12:00:00Z");

function path(): string {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-keys-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "keys.json");
}

function ofAnn() {
  return makeApiKey({ tenant: "acme", name: "ann", role: "reviewer" }, NOW);
}

it("a key is good for its tenant and role; only its hash is kept, in a file of its owner's", async () => {
  const file = path();
  const { key, kept } = ofAnn();
  await changeKeys(file, (keys) => ({ keys: [...keys, kept], answer: null }));
  const read = keyFile(file);
  expect(await read(key)).toEqual({ tenant: "acme", name: "ann", roles: ["reviewer"], keyId: kept.id });
  expect(await read(`${key}x`)).toBeNull();
  expect(await read(key.slice(0, -1))).toBeNull();
  expect(await read(kept.sha256)).toBeNull();
  expect(readFileSync(file, "utf8")).not.toContain(key.slice(-20));
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it("a key that is revoked is good for nothing with the next call, and a new one at once", async () => {
  const file = path();
  const [a, b] = [ofAnn(), ofAnn()];
  await changeKeys(file, () => ({ keys: [a.kept], answer: null }));
  const read = keyFile(file);
  expect(await read(a.key)).not.toBeNull();
  await changeKeys(file, () => ({ keys: [b.kept], answer: null }));
  expect(await read(a.key)).toBeNull();
  expect(await read(b.key)).not.toBeNull();
  rmSync(file);
  expect(await read(b.key)).toBeNull();
});

it("a file that was spoilt keeps the keys that were read before, and says so", async () => {
  const file = path();
  const { key, kept } = ofAnn();
  await changeKeys(file, () => ({ keys: [kept], answer: null }));
  const reports: string[] = [];
  const read = keyFile(file, (problem) => reports.push(problem));
  writeFileSync(file, '{ "keys": [');
  expect(await read(key)).not.toBeNull();
  expect(await read(key)).not.toBeNull();
  expect(reports).toHaveLength(1);
});

it("an expired key is none", async () => {
  const { key, kept } = makeApiKey(
    { tenant: "acme", name: "ann", role: "caller", expires_at: "2020-01-01T00:00:00Z" },
    NOW,
  );
  expect(await apiKeys([kept])(key)).toBeNull();
});

it("writers at the same time lose nothing", async () => {
  const file = path();
  const made = Array.from({ length: 20 }, ofAnn);
  await Promise.all(made.map(({ kept }) => changeKeys(file, (keys) => ({ keys: [...keys, kept], answer: null }))));
  expect(readKeys(file)).toHaveLength(20);
});

const good = ofAnn().kept;
it.each([
  null,
  "x",
  { keys: {} },
  { keys: [null] },
  { keys: [{ ...good, sha256: "abc" }] },
  { keys: [{ ...good, role: "admin" }] },
  { keys: [{ ...good, tenant: "" }] },
  { keys: [{ ...good, name: "a\u0000b" }] },
  { keys: [{ ...good, id: "../x" }] },
  { keys: [{ ...good, expires_at: "soon" }] },
  { keys: [good, good] },
])("a list that cannot be used: %j", (content) => {
  const file = path();
  writeFileSync(file, JSON.stringify(content));
  expect(() => keyFile(file)).toThrowError(expect.objectContaining({ code: "invalid_option" }));
});
