import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { keyFile } from "../../src/http/keys/key-file.ts";
import { Folder } from "../e2e/cli.ts";
import { shopConfig } from "../mcp/config.ts";
import { openShop, type Shop } from "../mcp/shop.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { send, startService, until } from "./service.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

let n = 0;
const fresh = (): string => `S${++n}-${process.pid}`;

interface Serving {
  readonly url: string;
  readonly stderr: () => string;
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<number | null>;
}

/** `onceguard serve` as a real process. */
async function serve(folder: Folder, ...args: string[]): Promise<Serving> {
  const child = spawn(process.execPath, [MAIN, "serve", "--listen", "0", ...args], { cwd: folder.path, stdio: "pipe" });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await until(() => /serving at \S+/.test(stderr) || child.exitCode !== null, `the server to listen: ${stderr}`);
  const url = /serving at (http:\/\/[^,\s]+)/.exec(stderr)?.[1];
  if (url === undefined) throw new Error(stderr);
  return { url, stderr: () => stderr, pid: child.pid as number, kill: (signal) => child.kill(signal), ended };
}

function configured(more: Record<string, unknown> = {}): Folder {
  const folder = new Folder();
  const config = shopConfig(shop);
  const actions = [
    ...(config.actions as unknown[]),
    { name: "valve", kind: "external", riskTier: "side_effecting", keyFields: ["valve"] },
  ];
  writeFileSync(folder.file("onceguard.config.json"), JSON.stringify({ ...config, actions, ...more }));
  return folder;
}

const order = (url: string, payload: unknown, action = "order") =>
  send(`${url}/v1/execute`, "POST", { action, payload });

describe("onceguard serve", () => {
  it("executes the config's actions once, whatever is sent again; two processes on one store are one guard", async () => {
    const folder = configured();
    const [a, b] = [await serve(folder), await serve(folder)];
    const payload = { ref: fresh() };
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => order(i % 2 ? a.url : b.url, payload)));
    expect(answers.filter(({ body }) => body.status === "executed")).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body.status))).toEqual(new Set(["executed", "replayed"]));
    expect(shop.orders(payload.ref)).toHaveLength(1);
    expect(a.stderr()).not.toContain(payload.ref);
  });

  it("killed in the middle of an effect: in doubt, found out by the probe, and never sent twice", async () => {
    const folder = configured({ lease: "1s" });
    const first = await serve(folder);
    const payload = { ref: fresh(), mode: "hold" };
    const lost = order(first.url, payload, "probed_order").catch((error: Error) => error);
    await shop.until(() => shop.orders(payload.ref).length === 1, "the order");
    first.kill("SIGKILL");
    expect(await lost).toBeInstanceOf(Error);
    const second = await serve(folder);
    let last: unknown;
    await until(
      async () => {
        const answer = await order(second.url, payload, "probed_order");
        last = answer.body;
        return answer.body.status === "replayed";
      },
      `its end: ${JSON.stringify(last)}`,
    );
    expect(shop.orders(payload.ref)).toHaveLength(1);
  });

  it("a storm of duplicates on PostgreSQL, while processes are killed: one effect each", async () => {
    const store = await createDatabase();
    onTestFinished(() => dropDatabase(store));
    const folder = configured({ store, lease: "1s" });
    const workers = [await serve(folder), await serve(folder)];
    const refs = Array.from({ length: 30 }, fresh);
    const storm = refs.flatMap((ref) => Array.from({ length: 8 }, () => ref)).sort(() => Math.random() - 0.5);
    const done = async (ref: string): Promise<void> => {
      for (const deadline = Date.now() + 50_000; ; ) {
        const at = workers[Math.floor(Math.random() * workers.length)] as Serving;
        const answer = await order(at.url, { ref }, "probed_order").catch(() => null);
        if (answer?.status === 200) return;
        if (Date.now() > deadline) throw new Error(`${ref} never ended: ${answer?.text}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const all = Promise.all(storm.map(done));
    for (const at of [0, 1]) {
      await shop.until(() => refs.some((ref) => shop.orders(ref).length === 1), "the first effect");
      const victim = workers[at] as Serving;
      victim.kill("SIGKILL");
      await victim.ended;
      workers[at] = await serve(folder);
    }
    await all;
    expect(refs.map((ref) => shop.orders(ref).length)).toEqual(refs.map(() => 1));
  });

  it("SIGTERM: no new work, what runs is answered and recorded, exit 0", async () => {
    const folder = configured();
    const serving = await serve(folder, "--notice", "3s");
    const payload = { ref: fresh(), mode: "hold" };
    const running = order(serving.url, payload);
    await shop.until(() => shop.orders(payload.ref).length === 1, "the order");
    serving.kill("SIGTERM");
    await until(async () => (await send(`${serving.url}/readyz`, "GET")).status === 503, "its notice");
    // Whoever has not noticed yet is served all the same.
    const late = { ref: fresh() };
    expect((await order(serving.url, late)).body.status).toBe("executed");
    await shop.release();
    expect((await running).body.status).toBe("executed");
    expect(await serving.ended).toBe(0);
    const again = await serve(folder);
    expect((await order(again.url, late)).body.status).toBe("replayed");
    expect((await order(again.url, payload)).body.status).toBe("replayed");
  });

  it("SIGTERM while an effect does not end: it is in doubt after the grace period", async () => {
    const folder = configured();
    const serving = await serve(folder, "--grace", "200ms");
    const payload = { ref: fresh(), mode: "hold" };
    const running = order(serving.url, payload).catch((error: Error) => error);
    await shop.until(() => shop.orders(payload.ref).length === 1, "the order");
    serving.kill("SIGTERM");
    expect(await serving.ended).toBe(0);
    await running;
    const again = await serve(folder);
    expect((await order(again.url, payload)).body.status).toBe("in_doubt");
    await shop.release();
    expect(shop.orders(payload.ref)).toHaveLength(1);
  });

  it("--sealed: what a sealer seals beside it is exported, and verifies; also after the keys were rotated", async () => {
    const folder = configured();
    await folder.onceguard("signing-keys", "keys.json");
    const { url } = await serve(folder, "--sealed", "sealed", "--signing-keys", "keys.json", "--anchored", "keys.json");
    const seal = () => folder.onceguard("seal", "--keys", "keys.json", "--into", "sealed", "--origin", "example.com/a");
    for (const rotate of [false, true]) {
      if (rotate) await folder.onceguard("signing-keys", "keys.json", "--rotate");
      const { body } = await order(url, { ref: fresh() });
      const ask = () => send(`${url}/v1/receipts/${encodeURIComponent(body.request_id)}?export`, "GET");
      expect([(await ask()).status, (await seal()).code]).toEqual([409, 0]);
      writeFileSync(folder.file("bundle.json"), (await ask()).text);
      await folder.onceguard("signing-keys", "keys.json", "--public", "public.json");
      const verified = await folder.onceguard("verify", "bundle.json", "--keys", "public.json", "--json");
      expect([verified.code, verified.json()]).toMatchObject([0, { claims: { request_id: body.request_id } }]);
    }
  });

  it("approved work runs by itself", async () => {
    const folder = configured();
    const { url } = await serve(folder);
    const payload = { ref: fresh() };
    const { body } = await order(url, payload, "careful_order");
    expect(body.status).toBe("held");
    await send(`${url}/v1/proposals/${body.request_id}/approve`, "POST", { reason: "fine" });
    await shop.until(() => shop.orders(payload.ref).length === 1, "the order");
  });

  it("a claim outlives the process that gave it: another one takes its completion", async () => {
    const folder = configured();
    const first = await serve(folder);
    const valve = fresh();
    const claim = (url: string) =>
      send(`${url}/v1/claims`, "POST", { action: "valve", payload: { valve }, claim_token: "token-of-mine" });
    const { body } = await claim(first.url);
    first.kill("SIGKILL");
    const second = await serve(folder);
    expect((await claim(second.url)).body).toMatchObject({ status: "claimed", fencing_token: body.fencing_token });
    const done = await send(`${second.url}/v1/claims/${body.request_id}/complete`, "POST", {
      fencing_token: body.fencing_token,
      result: "open",
    });
    expect(done.body).toMatchObject({ status: "executed", result: "open" });
  });

  it("serves with the keys of its folder, and takes those that are made while it runs", async () => {
    const folder = configured();
    await folder.onceguard("keys", "add", "--name", "first");
    const { url } = await serve(folder);
    expect((await order(url, { ref: "x" })).status).toBe(401);
    const { stdout } = await folder.onceguard("keys", "add", "--name", "second");
    const headers = { authorization: `Bearer ${stdout.trim()}` };
    const body = { action: "order", payload: { ref: fresh() } };
    expect((await send(`${url}/v1/execute`, "POST", body, headers)).body.receipt.actor).toBe("second");
    expect(readFileSync(folder.file("onceguard.keys.json"), "utf8")).not.toContain(stdout.trim());
  });

  it.each([
    [["--listen", "0.0.0.0:0"], 2, "can be reached from outside"],
    [["--listen", "nonsense:1:2"], 2, "--listen takes host:port"],
    [["--keys", "missing.json"], 2, "there are no keys at missing.json"],
    [["--rate", "-1"], 2, "whole number"],
    [["--sealed", "sealed"], 2, "--sealed needs --signing-keys"],
    [["--signing-keys", "keys.json"], 2, "name the folder of the sealed log"],
    [["--sealed", "sealed", "--signing-keys", "missing.json"], 2, "missing.json cannot be read"],
  ])("%j: exit %i, %s", async (args, code, words) => {
    const ended = await configured().onceguard("serve", ...args);
    expect([ended.code, ended.stderr.split("\n").filter((line) => line.includes(words)).length]).toEqual([code, 1]);
  });

  it("an address that is taken: exit 1, in one line", async () => {
    const folder = configured();
    const { url } = await serve(folder);
    const ended = await folder.onceguard("serve", "--listen", new URL(url).port);
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringMatching(/^onceguard: .*EADDRINUSE.*\n$/)]);
  });
});

describe("onceguard keys", () => {
  it("add, list, revoke: the key is shown once, only its hash is kept, and it stops working at once", async () => {
    const folder = new Folder();
    const added = await folder.onceguard("keys", "add", "--name", "agent-7", "--tenant", "acme", "--expires", "90d");
    expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^og_[0-9a-f]{12}_[\w-]{43}\n$/) });
    const key = added.stdout.trim();
    const listed = await folder.onceguard("keys", "list", "--json");
    expect(listed.json().keys).toMatchObject([{ name: "agent-7", role: "caller", tenant: "acme" }]);
    expect(listed.stdout).not.toContain("sha256");
    const { url } = await startService({ http: { keys: keyFile(folder.file("onceguard.keys.json")) } });
    const ask = () => send(`${url}/v1/actions`, "GET", undefined, { authorization: `Bearer ${key}` });
    expect((await ask()).status).toBe(200);
    const { id } = listed.json().keys[0];
    expect(await folder.onceguard("keys", "revoke", id)).toMatchObject({
      code: 0,
      stdout: `Revoked: key ${id} of agent-7.\n`,
    });
    expect((await ask()).status).toBe(401);
    expect((await folder.onceguard("keys", "revoke", id)).code).toBe(1);
    expect((await folder.onceguard("keys", "add", "--name", "x", "--role", "admin")).code).toBe(2);
    expect((await folder.onceguard("keys", "add")).code).toBe(2);
    expect((await folder.onceguard("keys", "list", "--json")).json()).toEqual({ keys: [] });
  });
});
