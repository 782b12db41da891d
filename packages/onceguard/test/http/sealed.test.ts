import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fileAnchor } from "../../src/seal/anchor.ts";
import { keyText, newKey } from "../../src/seal/keys.ts";
import { sealedReceipts } from "../../src/seal/sealed-receipts.ts";
import { openSealer } from "../../src/seal/sealer.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { Folder } from "../e2e/cli.ts";
import { type Answer, someKeys, startService } from "./service.ts";

const ORIGIN = "example.com/test";
const KEY = newKey(0);
const BY = someKeys({
  caller: { tenant: "acme", role: "caller" },
  reviewer: { tenant: "acme", role: "reviewer" },
  operator: { tenant: "acme", role: "operator" },
  auditor: { tenant: "acme", role: "auditor" },
  other: { tenant: "other", role: "caller" },
});

/** The service with a sealed log, and a sealer that is told when. */
async function startSealed() {
  const folder = new Folder();
  writeFileSync(folder.file("public.json"), keyText([KEY], false));
  writeFileSync(folder.file("anchors"), "");
  const sealed = sealedReceipts({
    folder: folder.file("sealed"),
    keys: () => [KEY],
    anchored: [folder.file("anchors")],
  });
  const store = memoryStore();
  const reported: unknown[] = [];
  const http = { keys: BY.keys, sealed, report: (error: unknown) => reported.push(error) };
  const service = await startService({ store, http });
  const seal = async (isAnchored = false) => {
    const anchors = isAnchored ? [fileAnchor(folder.file("anchors"))] : [];
    const sealer = await openSealer({ store, folder: folder.file("sealed"), origin: ORIGIN, keys: [KEY], anchors });
    await sealer.seal();
    sealer.close();
  };
  const order = async (ref: string, by: keyof typeof BY.bearer = "caller"): Promise<string> => {
    const body = { action: "order", payload: { ref } };
    return (await service.call("POST", "/v1/execute", body, BY.bearer[by])).body.request_id;
  };
  const get = (path: string, by: keyof typeof BY.bearer, headers: Record<string, string> = {}) =>
    service.call("GET", path, undefined, { ...BY.bearer[by], ...headers });
  const exported = (id: string, by: keyof typeof BY.bearer = "caller") =>
    get(`/v1/receipts/${encodeURIComponent(id)}?export`, by);
  const verify = async (text: string) => {
    writeFileSync(folder.file("bundle.json"), text);
    return folder.onceguard("verify", "bundle.json", "--keys", "public.json");
  };
  return { folder, service, reported, seal, order, get, exported, verify };
}

function expectProblem({ status, headers, body }: Answer, expected: number, code: string): void {
  expect([status, body.code, headers.get("content-type")]).toEqual([expected, code, "application/problem+json"]);
  expect(body.type).toContain(code.replaceAll("_", "-"));
}

test("an exported bundle verifies as `onceguard verify` has it, and not once a byte of it was changed", async () => {
  const { seal, order, exported, verify } = await startSealed();
  for (let n = 0; n < 20; n++) await order(`before-${n}`, n % 2 ? "caller" : "other");
  await seal(true);
  const id = await order("A1");
  expectProblem(await exported(id), 409, "not_sealed");
  expect((await exported(id)).headers.get("retry-after")).toBe("1");
  await seal();
  const { status, headers, text } = await exported(id);
  expect([status, headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(await verify(text)).toMatchObject({ code: 0, stdout: expect.stringContaining("not anchored outside yet") });
  const at = text.indexOf(".", text.indexOf('"receipt"')) + 40;
  const changed = text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
  expect(await verify(changed)).toMatchObject({ code: 1, stdout: expect.stringContaining("receipt_signature") });
  const leaf = text.replace('\\"attempt_number\\":1', '\\"attempt_number\\":2');
  expect([leaf === text, (await verify(leaf)).code]).toEqual([false, 1]);
  expect(text).not.toContain("ordered");

  await order("A2");
  await seal(true);
  const later = await verify((await exported(id)).text);
  expect(later).toMatchObject({ code: 0, stdout: expect.stringContaining("valid, and anchored outside") });
});

test("every role may export what its tenant has; another tenant gets what an id that nobody has gets", async () => {
  const { service, seal, order, exported, get } = await startSealed();
  const id = await order("A1");
  await seal();
  const leavesFor = async (by: "caller" | "reviewer" | "operator" | "auditor") => {
    const { status, body } = await exported(id, by);
    return [status, body.leaves.length];
  };
  const own = await leavesFor("caller");
  expect(own[0]).toBe(200);
  for (const by of ["reviewer", "operator", "auditor"] as const) expect(await leavesFor(by)).toEqual(own);
  const [foreign, missing] = [await exported(id, "other"), await exported("nobody-has-it", "other")];
  expectProblem(foreign, 404, "receipt_not_found");
  expect([foreign.status, foreign.text]).toEqual([missing.status, missing.text]);

  // The same id of two tenants is two requests.
  const shared = { action: "strict", payload: { ref: "S" }, request_id: "shared" };
  for (const by of ["caller", "other"] as const) await service.call("POST", "/v1/execute", shared, BY.bearer[by]);
  await seal();
  for (const [by, tenant] of [["caller", "acme"] as const, ["other", "other"] as const]) {
    const { body } = await exported("shared", by);
    expect(body.leaves.length).toBeGreaterThan(0);
    for (const { leaf } of body.leaves) expect(JSON.parse(leaf)).toMatchObject({ tenant, request_id: "shared" });
  }
  expect((await get(`/v1/receipts/${encodeURIComponent(id)}`, "caller")).body.status).toBe("replayed");
  expectProblem(await get(`/v1/receipts/${encodeURIComponent(id)}?export=false`, "caller"), 400, "invalid_request");
});

test("checkpoints: the newest one, older ones by size, as JSON and as the signed note", async () => {
  const { folder, seal, order, get } = await startSealed();
  expectProblem(await get("/v1/checkpoints", "auditor"), 404, "no_checkpoint");
  await order("A1");
  await seal();
  const first = (await get("/v1/checkpoints", "auditor")).body;
  await order("A2");
  await seal();
  const { body: second, headers } = await get("/v1/checkpoints", "auditor");
  expect([first.origin, second.origin, headers.get("vary")]).toEqual([ORIGIN, ORIGIN, "accept"]);
  expect(second.size).toBeGreaterThan(first.size);
  expect((await get(`/v1/checkpoints?size=${first.size}`, "auditor")).body).toEqual(first);
  expectProblem(await get(`/v1/checkpoints?size=${second.size + 1}`, "auditor"), 404, "no_checkpoint");
  expectProblem(await get("/v1/checkpoints?size=-1", "auditor"), 400, "invalid_request");

  const note = await get("/v1/checkpoints", "auditor", { accept: "text/plain" });
  expect([note.status, note.headers.get("content-type")]).toEqual([200, "text/plain; charset=utf-8"]);
  expect(note.text).toBe(second.checkpoint);
  expect(note.text.split("\n").slice(0, 3)).toEqual([ORIGIN, String(second.size), second.root]);
  for (const accept of ["*/*", "application/json", "text/plain;q=0.5, application/json", "text/*", "nonsense;;,"]) {
    expect((await get("/v1/checkpoints", "auditor", { accept })).body).toEqual(second);
  }
  // As something that was anchored outside it is what `verify` takes.
  writeFileSync(folder.file("note"), note.text);
  const args = ["--sealed", "sealed", "--origin", ORIGIN, "--keys", "public.json", "--anchored", "note", "--offline"];
  expect((await folder.onceguard("verify", ...args)).code).toBe(0);
  expectProblem(await get("/v1/checkpoints", "caller"), 403, "forbidden");
});

test("a sealed log that was edited, or is being written, gives no bundle that would not verify", async () => {
  const { folder, seal, order, exported, verify, reported } = await startSealed();
  const id = await order("A1");
  await seal();
  expect((await exported(id)).status).toBe(200);
  const path = folder.file("sealed/leaves");
  const good = readFileSync(path, "utf8");
  writeFileSync(path, good.replace(/"attempt_number":1/g, '"attempt_number":2'));
  expectProblem(await exported(id), 500, "internal");
  expect(String(reported[0])).toContain("was edited");
  writeFileSync(path, good);
  appendFileSync(path, '{"v":1,"seq"'); // the sealer is in the middle of a line
  expect((await verify((await exported(id)).text)).code).toBe(0);
  truncateSync(path, 10);
  expectProblem(await exported(id), 500, "internal");
  writeFileSync(path, good);
  expect((await verify((await exported(id)).text)).code).toBe(0);
});

test("a long log that comes at once is read in pieces, and its bundles verify", async () => {
  const { folder, seal, order, exported, verify } = await startSealed();
  await seal(true);
  const ids: string[] = [];
  for (let n = 0; n < 20; n++) {
    ids.push(...(await Promise.all(Array.from({ length: 100 }, (_, i) => order(`long-${n}-${i}`)))));
  }
  await seal(true);
  expect(statSync(folder.file("sealed/leaves")).size).toBeGreaterThan(1 << 20);
  const asked = [ids[0], ids[1_000], ids.at(-1)].map((id) => exported(id as string));
  for (const { text } of await Promise.all(asked)) {
    expect(await verify(text)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("valid, and anchored outside"),
    });
  }
});

test("without a sealed log both say so", async () => {
  const { call } = await startService({ http: { keys: BY.keys } });
  for (const path of ["/v1/checkpoints", "/v1/receipts/some-id?export"]) {
    expectProblem(await call("GET", path, undefined, BY.bearer.auditor), 501, "no_sealed_log");
  }
});
