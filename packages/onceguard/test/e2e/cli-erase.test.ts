import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Folder, startProcess } from "./cli.ts";

const SRC = new URL("../../src/", import.meta.url).href;

const CONFIG = `
import { defineAction } from "${SRC}index.ts";

export const pay = defineAction({
  name: "pay",
  riskTier: "side_effecting",
  keyFields: ["ref"],
  before: ({ iban }) => ({ iban }),
  privacy: { encrypt: ["iban"], subject: ({ who }) => "customer:" + who },
  execute: ({ iban, broken }) => {
    if (broken) throw new Error("no answer");
    return { to: iban };
  },
});

export default { actions: [pay], keys: { folder: "keys", masterKey: "\${ONCEGUARD_MASTER_KEY}" } };
`;

const PAY = `
import { createGuard } from "${SRC}index.ts";
import { keyFolder } from "${SRC}privacy/index.ts";
import { sqliteStore } from "${SRC}stores/sqlite/sqlite-store.ts";
import { pay } from "./onceguard.config.js";

const keys = keyFolder({ path: "keys", masterKey: process.env.ONCEGUARD_MASTER_KEY });
const guard = createGuard({ store: sqliteStore({ path: "onceguard.db" }), actions: [pay], keys, sweepEvery: false });
const [who, ref, broken] = process.argv.slice(2);
const payment = { who, ref, iban: "DE02-" + who, ...(broken && { broken: true }) };
const { status, result, requestId } = await guard.execute("pay", payment, { wait: 0 });
console.log(JSON.stringify({ status, result, request_id: requestId }));
await guard.close();
`;

const ORIGIN = "example.com/test";

test("erase: refused while something is open, then for good; and the sealed log still verifies", async () => {
  const folder = new Folder();
  const env = { ONCEGUARD_MASTER_KEY: "cd".repeat(32) };
  writeFileSync(folder.file("onceguard.config.js"), CONFIG);
  writeFileSync(folder.file("pay.js"), PAY);
  const pay = async (...args: string[]) =>
    (await startProcess(process.execPath, ["pay.js", ...args], folder.path, { env }).ended).json();
  expect(await pay("ann", "1")).toMatchObject({ status: "executed", result: { to: "DE02-ann" } });
  expect(await pay("bob", "2")).toMatchObject({ status: "executed" });
  const open = await pay("bob", "3", "broken");
  expect(open.status).toBe("in_doubt");

  await folder.onceguard("signing-keys", "signing.json", "--public", "public.json");
  const seal = ["seal", "--keys", "signing.json", "--into", "sealed", "--origin", ORIGIN, "--anchor", "file:anchors"];
  expect((await folder.onceguard(...seal)).code).toBe(0);

  const erase = ["erase", "--subject", "customer:bob", "--reason", "asked, ticket 88", "--actor", "ann"];
  const refused = await folder.start(erase, { env }).ended;
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(open.request_id) });
  expect((await folder.onceguard(...erase)).stderr).toContain("ONCEGUARD_MASTER_KEY");
  const settle = ["review", "resolve", open.request_id, "--did-not-happen", "--reason", "not in the statement"];
  expect((await folder.onceguard(...settle)).code).toBe(0);
  const erased = await folder.start([...erase, "--json"], { env }).ended;
  expect(erased.json()).toEqual({ destroyed: true, expired: 2 });
  expect((await folder.start(erase, { env }).ended).stdout).toContain("there is nothing to erase");

  expect(await pay("bob", "2")).toMatchObject({ status: "expired" });
  expect(await pay("ann", "1")).toMatchObject({ status: "replayed", result: { to: "DE02-ann" } });
  const verify = ["verify", "--sealed", "sealed", "--origin", ORIGIN, "--keys", "public.json", "--anchored", "anchors"];
  expect((await folder.onceguard(...seal)).code).toBe(0);
  expect(await folder.onceguard(...verify)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("nothing was changed"),
  });
  const log = await folder.onceguard("log", "--json", "--limit", "100");
  expect(log.stdout).toContain('"erased"');
  expect(log.stdout).not.toMatch(/DE02-|customer:bob/);
});
