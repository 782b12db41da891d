import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shopConfig } from "../mcp/config.ts";
import { openShop, type Shop } from "../mcp/shop.ts";
import { send, until } from "./service.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PACKAGE = join(ROOT, "integrations/n8n-nodes-onceguard");
const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** What the node needs of n8n when it runs; `npm run check` of the package has the real one. */
const STAND_IN = `
class NodeError extends Error {
  constructor(node, given, options = {}) {
    super(options.message ?? (typeof given === "string" ? given : given.message));
    Object.assign(this, { node, description: options.description, context: { itemIndex: options.itemIndex } });
  }
}
class NodeApiError extends NodeError {
  constructor(node, given, options = {}) {
    super(node, given, options);
    this.httpCode = options.httpCode ?? null;
  }
}
module.exports = { NodeApiError, NodeOperationError: class NodeOperationError extends NodeError {}, NodeConnectionTypes: { Main: "main" } };
`;

type Json = Record<string, unknown>;

interface Item {
  readonly json: Json;
  readonly error?: Error;
  readonly pairedItem: { readonly item: number };
}

interface Request {
  readonly method: string;
  readonly url: string;
  readonly body?: unknown;
}

interface Onceguard {
  readonly description: { readonly outputs: readonly { readonly displayName: string }[] };
  execute(this: unknown): Promise<Item[][]>;
}

interface Credential {
  readonly authenticate: { readonly properties: { readonly headers: { readonly Authorization: string } } };
  readonly test: { readonly request: { readonly baseURL: string; readonly url: string } };
}

let shop: Shop;
let built: string;
let node: Onceguard;
let credential: Credential;
let url: string;
let stop: () => Promise<void>;
const keys = { caller: "", reviewer: "" };

let n = 0;
const fresh = (): string => `N${++n}-${process.pid}`;

beforeAll(async () => {
  built = mkdtempSync(join(tmpdir(), "onceguard-n8n-"));
  const tsc = createRequire(join(ROOT, "package.json"))
    .resolve("typescript/package.json")
    .replace(/package\.json$/, "bin/tsc");
  const compiled = spawnSync(process.execPath, [
    tsc,
    "-p",
    PACKAGE,
    "--outDir",
    built,
    "--noCheck",
    "--declaration",
    "false",
  ]);
  expect([compiled.status, String(compiled.stdout)]).toEqual([0, ""]);
  mkdirSync(join(built, "node_modules/n8n-workflow"), { recursive: true });
  writeFileSync(join(built, "node_modules/n8n-workflow/index.js"), STAND_IN);
  const require = createRequire(join(built, "package.json"));
  node = new (require("./nodes/Onceguard/Onceguard.node.js") as { Onceguard: new () => Onceguard }).Onceguard();
  const { OnceguardApi } = require("./credentials/OnceguardApi.credentials.js") as {
    OnceguardApi: new () => Credential;
  };
  credential = new OnceguardApi();

  shop = await openShop();
  const folder = mkdtempSync(join(tmpdir(), "onceguard-n8n-serve-"));
  writeFileSync(join(folder, "onceguard.config.json"), JSON.stringify(shopConfig(shop)));
  for (const role of ["caller", "reviewer"] as const) {
    const added = spawnSync(process.execPath, [MAIN, "keys", "add", "--name", role, "--role", role], { cwd: folder });
    keys[role] = String(added.stdout).trim();
  }
  const child = spawn(process.execPath, [MAIN, "serve", "--listen", "0"], { cwd: folder, stdio: "pipe" });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  stop = async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  await until(() => /serving at \S+/.test(stderr) || child.exitCode !== null, `the server to listen: ${stderr}`);
  url = /serving at (http:\/\/[^,\s]+)/.exec(stderr)?.[1] ?? stderr;
});

afterAll(async () => {
  await stop?.();
  await shop?.close();
  if (built) rmSync(built, { recursive: true, force: true });
});

/** n8n as far as the node sees it: one set of parameters per item, and a credential that only its own helper reads. */
async function run(
  items: readonly Json[],
  how: { key?: string; baseUrl?: string; continueOnFail?: boolean; type?: string } = {},
): Promise<{ [output: string]: Item[] }> {
  const values: Json = { baseUrl: how.baseUrl ?? url, apiKey: how.key ?? keys.caller };
  const headers = credential.authenticate.properties.headers.Authorization.replace(/^=/, "").replace(
    "{{$credentials.apiKey}}",
    String(values.apiKey),
  );
  const outputs = await node.execute.call({
    getInputData: () => items.map(() => ({ json: { apiKey: "of an item", authorization: "of an item" } })),
    getNode: () => ({ name: "Onceguard", type: how.type ?? "n8n-nodes-onceguard.onceguard" }),
    getNodeParameter: (name: string, index: number, otherwise?: unknown) => items[index]?.[name] ?? otherwise,
    // The key is none of the node's business.
    getCredentials: async () => ({ baseUrl: values.baseUrl }),
    continueOnFail: () => how.continueOnFail ?? false,
    helpers: {
      httpRequestWithAuthentication: async (name: string, request: Request) => {
        expect(name).toBe("onceguardApi");
        expect(JSON.stringify(request)).not.toMatch(/authorization|apiKey/i);
        const answer = await send(request.url, request.method, request.body, { authorization: headers });
        return { statusCode: answer.status, body: answer.body ?? answer.text };
      },
    },
  });
  const names = node.description.outputs.map(({ displayName }) => displayName);
  return Object.fromEntries(outputs.map((output, i) => [names[i] ?? i, output]));
}

const execute = (ref: string, mode?: string, more: Json = {}): Json => ({
  operation: "execute",
  action: "order",
  payload: JSON.stringify({ ref, ...(mode !== undefined && { mode }) }),
  ...more,
});

const statuses = (outputs: { [output: string]: Item[] }): Json =>
  Object.fromEntries(
    Object.entries(outputs).flatMap(([name, items]) =>
      items.length > 0 ? [[name, items.map(({ json }) => json.status)]] : [],
    ),
  );

describe("n8n-nodes-onceguard, against onceguard serve", () => {
  it("two identical items make one effect: one is executed, the other one replayed", async () => {
    const ref = fresh();
    const outputs = await run([execute(ref), execute(ref)]);
    expect(statuses(outputs)).toEqual({ Executed: ["executed"], Replayed: ["replayed"] });
    expect(outputs.Executed?.[0]?.pairedItem).toEqual({ item: 0 });
    expect(outputs.Replayed?.[0]?.pairedItem).toEqual({ item: 1 });
    expect(outputs.Replayed?.[0]?.json.result).toEqual(outputs.Executed?.[0]?.json.result);
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("the whole node run again: replayed, also with a request id and a payload that is a value", async () => {
    const ref = fresh();
    const item = {
      operation: "execute",
      action: "keyless_order",
      payload: { ref },
      requestId: `n8n:${ref}`,
      options: { runId: "wf" },
    };
    expect(statuses(await run([item]))).toEqual({ Executed: ["executed"] });
    expect(statuses(await run([item]))).toEqual({ Replayed: ["replayed"] });
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("what another one executes is in progress, and replayed when it is done", async () => {
    const ref = fresh();
    const first = run([execute(ref, "hold")]);
    await shop.until(() => shop.orders(ref).length === 1, "the order");
    const meanwhile = await run([execute(ref, "hold", { options: { waitMs: 0 } })]);
    expect(statuses(meanwhile)).toEqual({ "In Progress": ["in_progress"] });
    await shop.release();
    expect(statuses(await first)).toEqual({ Executed: ["executed"] });
    const check = { operation: "check", requestId: meanwhile["In Progress"]?.[0]?.json.request_id };
    expect(statuses(await run([check]))).toEqual({ Replayed: ["replayed"] });
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("what may have happened goes to review, and is resolved with a reviewer's key only, and not by an agent", async () => {
    const ref = fresh();
    const doubted = await run([execute(ref, "lose")]);
    expect(statuses(doubted)).toEqual({ Review: [expect.stringMatching(/^(in_doubt|review)$/)] });
    expect(statuses(await run([execute(ref, "lose")]))).toEqual(statuses(doubted));
    expect(shop.orders(ref)).toHaveLength(1);
    const requestId = doubted.Review?.[0]?.json.request_id;
    const resolve = {
      operation: "resolve",
      requestId,
      decision: "happened",
      reason: "seen",
      options: { result: '{"id":7}' },
    };
    await expect(run([resolve])).rejects.toMatchObject({ name: "Error", httpCode: "403" });
    const asTool = { key: keys.reviewer, type: "n8n-nodes-onceguard.onceguardTool" };
    await expect(run([resolve], asTool)).rejects.toThrow("not for agents");
    expect(statuses(await run([resolve], { key: keys.reviewer }))).toEqual({ Replayed: ["replayed"] });
    const replayed = await run([execute(ref, "lose")]);
    expect(replayed.Replayed?.[0]?.json.result).toEqual({ id: 7 });
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("propose executes nothing; what needs a person goes to review", async () => {
    const ref = fresh();
    const propose = { ...execute(ref), operation: "propose" };
    expect(statuses(await run([propose, { ...propose, action: "careful_order" }]))).toEqual({
      Review: ["proposed", "held"],
    });
    expect(shop.orders(ref)).toHaveLength(0);
    await run([execute(ref)]);
    expect(statuses(await run([propose]))).toEqual({ Replayed: ["known"] });
  });

  it("an error stops the node, or goes on as an item that is never among what is done", async () => {
    const ref = fresh();
    const unknown = execute(ref, undefined, { action: "no_such_action" });
    await expect(run([unknown])).rejects.toMatchObject({
      httpCode: "404",
      message: expect.stringContaining("unknown_action"),
    });
    const wrong = [
      unknown,
      execute(ref, undefined, { payload: "{" }),
      { operation: "check", requestId: " " },
      execute(ref),
    ];
    const outputs = await run(wrong, { continueOnFail: true });
    expect(statuses(outputs)).toEqual({ Executed: ["executed"], Review: ["unknown_action", "not_sent", "not_sent"] });
    expect(outputs.Review).toMatchObject([
      { json: { code: "unknown_action", http_status: 404 }, pairedItem: { item: 0 } },
      { json: { error: "The payload is not JSON" }, pairedItem: { item: 1 } },
      { json: { error: "A request ID is needed" }, pairedItem: { item: 2 } },
    ]);
    expect(outputs.Review?.every(({ error }) => error instanceof Error)).toBe(true);
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("the key is the credential's: a wrong one is refused, and nothing is done", async () => {
    const ref = fresh();
    await expect(run([execute(ref)], { key: "ogk_wrong" })).rejects.toMatchObject({ httpCode: "401" });
    expect(shop.orders(ref)).toHaveLength(0);
    const { baseURL, url: path } = credential.test.request;
    expect(baseURL).toBe("={{$credentials.baseUrl}}");
    expect((await send(url + path, "GET", undefined, { authorization: `Bearer ${keys.caller}` })).status).toBe(200);
    expect((await send(url + path, "GET", undefined, { authorization: "Bearer " })).status).toBe(401);
  });

  it("no answer, and the answer of something else, are errors that say what is known", async () => {
    const other = createServer((_, response) => response.end("<html>hello</html>"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const baseUrl = `http://127.0.0.1:${(other.address() as { port: number }).port}`;
    const elsewhere = await run([execute(fresh())], { baseUrl: `${baseUrl}/`, continueOnFail: true });
    expect(elsewhere.Review).toMatchObject([{ json: { code: "no_onceguard", http_status: 200 } }]);
    await new Promise((resolve) => other.close(resolve));
    const nowhere = await run([execute(fresh())], { baseUrl, continueOnFail: true });
    expect(nowhere.Review).toMatchObject([
      { json: { code: "no_answer", description: expect.stringContaining("not done twice") } },
    ]);
  });

  it("as an agent's tool everything is said on the first output, which is the only one that an agent is told", async () => {
    const ref = fresh();
    const outputs = await run([execute(ref), execute(ref), execute(fresh(), "lose")], {
      type: "n8n-nodes-onceguard.onceguardTool",
    });
    expect(Object.values(outputs).map(({ length }) => length)).toEqual([3, 0, 0, 0]);
    expect(outputs.Executed?.map(({ json }) => json.status).slice(0, 2)).toEqual(["executed", "replayed"]);
    expect(outputs.Executed?.[2]?.json.next).toEqual(expect.any(String));
  });
});
