import { readFileSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { Folder } from "./cli.ts";

const ORIGIN = "example.com/test";

async function sealed() {
  const folder = new Folder();
  for (const id of ["a", "b"]) await folder.onceguard("run", "--request-id", id, "--", "true");
  const made = await folder.onceguard("signing-keys", "keys.json", "--public", "public.json");
  expect(made.code).toBe(0);
  const args = ["seal", "--keys", "keys.json", "--into", "sealed", "--origin", ORIGIN, "--anchor", "file:anchors"];
  expect(await folder.onceguard(...args)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+ entries sealed/),
  });
  return { folder, seal: () => folder.onceguard(...args) };
}

const LOG = ["verify", "--sealed", "sealed", "--origin", ORIGIN, "--keys", "public.json", "--anchored", "anchors"];

test("the whole log: valid, then tampered with, then no log at all", async () => {
  const { folder } = await sealed();
  expect(statSync(folder.file("keys.json")).mode & 0o077).toBe(0);
  expect(readFileSync(folder.file("public.json"), "utf8")).not.toContain('"d"');
  const valid = await folder.onceguard(...LOG);
  expect(valid).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing was changed") });
  expect(valid.stdout).toMatch(/signed only +0 entries/);
  const db = new DatabaseSync(folder.file("onceguard.db"));
  db.exec("UPDATE onceguard_log SET actor = 'somebody else' WHERE seq = 1");
  db.close();
  const tampered = await folder.onceguard(...LOG, "--json");
  expect(tampered.code).toBe(1);
  expect(tampered.json()).toMatchObject({ valid: false, problems: [{ code: "row_changed", where: "entry 1" }] });
  expect((await folder.onceguard(...LOG, "--offline")).code).toBe(0);
  expect((await folder.onceguard(...LOG.with(2, "nowhere"))).code).toBe(2);
});

test("a bundle: valid offline, anchored; changed; and none", async () => {
  const { folder } = await sealed();
  const out = ["--keys", "keys.json", "--sealed", "sealed", "--anchored", "anchors", "--out", "bundle.json"];
  expect((await folder.onceguard("receipts", "export", "a", ...out)).code).toBe(0);
  const elsewhere = new Folder();
  for (const name of ["bundle.json", "public.json"]) {
    writeFileSync(elsewhere.file(name), readFileSync(folder.file(name)));
  }
  const verify = ["verify", "bundle.json", "--keys", "public.json"];
  const valid = await elsewhere.onceguard(...verify);
  expect(valid).toMatchObject({ code: 0, stdout: expect.stringContaining("valid, and anchored outside") });
  expect((await elsewhere.onceguard(...verify, "--json")).json().claims).toMatchObject({
    request_id: "a",
    iss: ORIGIN,
  });
  const bundle = JSON.parse(readFileSync(elsewhere.file("bundle.json"), "utf8"));
  bundle.receipt = bundle.receipt.replace(/\.[^.]*$/, ".AAAA");
  writeFileSync(elsewhere.file("bundle.json"), JSON.stringify(bundle));
  expect(await elsewhere.onceguard(...verify)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("receipt_signature"),
  });
  writeFileSync(elsewhere.file("bundle.json"), "{}");
  expect(await elsewhere.onceguard(...verify)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is no bundle"),
  });
});

test("keys are rotated, and what the old one signed stays valid", async () => {
  const { folder, seal } = await sealed();
  const rotated = await folder.onceguard("signing-keys", "keys.json", "--rotate", "--public", "public.json");
  expect(rotated.stdout).toMatch(/until .*\n.*in use\n/);
  await folder.onceguard("run", "--request-id", "c", "--", "true");
  await seal();
  expect((await folder.onceguard(...LOG)).code).toBe(0);
  await folder.onceguard("receipts", "export", "c", "--keys", "keys.json", "--sealed", "sealed", "--out", "c.json");
  expect((await folder.onceguard("verify", "c.json", "--keys", "public.json")).code).toBe(0);
});

test.each([
  [["verify", "--keys", "public.json"], "name a bundle, or --sealed"],
  [["verify", "x.json", "--keys", "nowhere.json"], "the keys nowhere.json cannot be read"],
  [["verify", "public.json", "--keys", "public.json"], "is no bundle"],
  [["seal", "--keys", "public.json", "--into", "s", "--origin", "o"], "public keys only"],
  [["seal", "--keys", "keys.json", "--into", "s", "--origin", "o", "--anchor", "ftp://x"], "--anchor takes"],
  [["signing-keys", "nowhere.json", "--rotate"], "there are no keys at nowhere.json"],
  [["receipts", "export", "a", "--keys", "anchors", "--sealed", "sealed"], "is no file of keys"],
])("%j: bad usage", async (args, message) => {
  const { folder } = await sealed();
  const { code, stderr } = await folder.onceguard(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});
