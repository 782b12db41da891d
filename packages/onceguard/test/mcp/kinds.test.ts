import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { AnyAction } from "../../src/core/action.ts";
import type { HttpEntry } from "../../src/kinds/entries.ts";
import { httpAction } from "../../src/kinds/http-action.ts";
import { mcpAction } from "../../src/kinds/mcp-action.ts";
import { Upstreams } from "../../src/kinds/upstreams.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { openShop, type Shop } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

let n = 0;
const fresh = (): string => `K${++n}-${process.pid}`;

function guardOf(...actions: AnyAction[]) {
  const guard = createGuard({ store: memoryStore(), actions: actions as AnyAction[], sweepEvery: false });
  onTestFinished(() => guard.close());
  return guard;
}

const entry = (more: Partial<HttpEntry> = {}): HttpEntry => ({
  kind: "http",
  name: "order",
  riskTier: "side_effecting",
  keyFields: ["ref"],
  url: `${shop.url}/orders/{ref}`,
  ...more,
});

describe("actions of kind http", () => {
  it("send headers of the config, the idempotency key, and the mapped body", async () => {
    const ref = fresh();
    const guard = guardOf(
      httpAction(
        entry({
          headers: { authorization: "Bearer secret" },
          idempotencyHeader: "Idempotency-Key",
          body: { ref: "{ref}", key: "{idempotencyKey}" },
          downstreamKey: { lifetime: "24h" },
        }),
      ),
    );
    const outcome = await guard.execute("order", { ref, ignored: 1 } as never);
    expect(outcome.status).toBe("executed");
    const [order] = shop.orders(ref);
    expect(order).toMatchObject({ authorization: "Bearer secret", path: `/orders/${ref}` });
    expect(order?.key).toHaveLength(36);
    expect(JSON.stringify(outcome)).not.toContain("secret");
  });

  it("do not follow a redirect: whether it happened is open", async () => {
    const guard = guardOf(httpAction(entry()));
    const outcome = await guard.execute("order", { ref: fresh(), mode: "elsewhere" } as never);
    expect(outcome).toMatchObject({ status: "in_doubt", failure: { code: "http_302" } });
  });

  it("a status that the entry names certainly means no effect; a refused connection does, too", async () => {
    const guard = guardOf(httpAction(entry()));
    expect(await guard.execute("order", { ref: fresh(), mode: "reject" } as never)).toMatchObject({ status: "failed" });
    const nobody = guardOf(httpAction(entry({ url: "http://127.0.0.1:65533/{ref}", retry: { maxAttempts: 1 } })));
    expect(await nobody.execute("order", { ref: fresh() } as never)).toMatchObject({
      status: "review",
      reason: "retries_exhausted",
    });
  });

  it("what is answered beyond the cap is left out; it did happen", async () => {
    const ref = fresh();
    const guard = guardOf(httpAction(entry({ maxResponseBytes: 10 })));
    const outcome = await guard.execute("order", { ref } as never);
    expect(outcome).toMatchObject({ status: "executed", result: { status: 201, body_omitted: "too_large" } });
  });

  it("a value that would change the address sends nothing", async () => {
    const guard = guardOf(httpAction(entry()));
    const before = shop.count();
    expect(await guard.execute("order", { ref: ".." } as never)).toMatchObject({
      status: "review",
      reason: "validation",
    });
    await expect(guard.execute("order", { ref: "" } as never)).rejects.toMatchObject({ code: "payload_invalid" });
    await expect(guard.execute("order", { ref: ["a"] } as never)).rejects.toMatchObject({ code: "payload_invalid" });
    expect(shop.count()).toBe(before);
  });

  it.each([
    ["a misspelt option", { idempotencyheader: "X" } as never],
    ["a host from the payload", { url: "https://{host}/x" }],
    ["a key that is declared and not sent", { downstreamKey: { lifetime: "24h" } }],
    ["a probe without a path", { probe: { url: "https://x.example/y" } as never }],
    [
      "a probe that is no question",
      { probe: { method: "PUT" as never, url: "https://x.example/y", happenedWhen: "a" } },
    ],
    ["a method that is none", { method: "STEAL" as never }],
    ["a header that is none", { headers: { "a b": "c" } }],
  ])("%s is refused where it is defined", (_what, more) => {
    expect(() => httpAction(entry(more as Partial<HttpEntry>))).toThrow(/Action "order"/);
  });
});

describe("actions of kind mcp, on the real memory server", () => {
  const program = join(
    dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/server-memory/package.json")),
    "dist/index.js",
  );

  function memory() {
    const folder = mkdtempSync(join(tmpdir(), "onceguard-upstream-"));
    const file = join(folder, "memory.jsonl");
    const upstreams = new Upstreams(
      () => ({ memory: { command: process.execPath, args: [program], env: { MEMORY_FILE_PATH: file } } }),
      folder,
    );
    onTestFinished(async () => {
      await upstreams.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const lines = (): string[] => (existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []);
    return { upstreams, lines };
  }

  const observe = {
    kind: "mcp",
    name: "remember",
    riskTier: "side_effecting",
    server: "memory",
    tool: "create_entities",
    keyFields: ["name"],
    arguments: { entities: [{ name: "{name}", entityType: "thing", observations: "{observations}" }] },
    probe: { tool: "search_nodes", arguments: { query: "{name}" }, happenedWhen: "entities[0].name" },
  } as const;

  it("call the tool once, and answer with its own result", async () => {
    const { upstreams, lines } = memory();
    const guard = guardOf(mcpAction(observe, upstreams));
    const payload = { name: fresh(), observations: ["it is there"] };
    const first = await guard.execute("remember", payload as never);
    const again = await guard.execute("remember", payload as never);
    expect([first.status, again.status]).toEqual(["executed", "replayed"]);
    expect(lines()).toHaveLength(1);
    expect(JSON.stringify((again as { result?: unknown }).result)).toContain(payload.name);
  });

  it("a server that dies under the call leaves a question, which the probe answers", async () => {
    const { upstreams, lines } = memory();
    let dies = true;
    const flaky = new Proxy(upstreams, {
      get: (target, key) =>
        key === "connected"
          ? async (server: string) => {
              const client = await target.connected(server);
              if (!dies) return client;
              dies = false;
              const callTool = client.callTool.bind(client);
              client.callTool = (async (...given: Parameters<typeof callTool>) => {
                await callTool(...given);
                await client.close();
                throw Object.assign(new Error("Connection closed"), { code: -32000 });
              }) as never;
              return client;
            }
          : (Reflect.get(target, key).bind?.(target) ?? Reflect.get(target, key)),
    });
    const guard = guardOf(mcpAction(observe, flaky));
    const payload = { name: fresh(), observations: ["once"] };
    const outcome = await guard.execute("remember", payload as never);
    expect(outcome).toMatchObject({ status: "executed", receipt: { evidence: "probe" } });
    expect(lines()).toHaveLength(1);
  });

  it("an error result is no proof that nothing was done, unless the entry says so", async () => {
    const { upstreams } = memory();
    const { probe: _probe, ...unprobed } = observe;
    const failing = {
      ...unprobed,
      tool: "add_observations",
      arguments: { observations: [{ entityName: "{name}", contents: ["x"] }] },
    };
    const open = guardOf(mcpAction(failing, upstreams));
    expect(await open.execute("remember", { name: fresh() } as never)).toMatchObject({
      status: "in_doubt",
      failure: { code: "mcp_tool_error" },
    });
    const sure = guardOf(mcpAction({ ...failing, noEffectOnError: true }, upstreams));
    expect((await sure.execute("remember", { name: fresh() } as never)).status).toBe("failed");
  });

  it("a server that cannot be started certainly did nothing", async () => {
    const upstreams = new Upstreams(() => ({ gone: { command: "/no/such/program" } }), "/");
    const guard = guardOf(mcpAction({ ...observe, server: "gone", retry: { maxAttempts: 1 } }, upstreams));
    const outcome = await guard.execute("remember", { name: fresh(), observations: [] } as never);
    expect(outcome).toMatchObject({
      status: "review",
      reason: "retries_exhausted",
      failure: { code: "upstream_not_started" },
    });
    expect(() => mcpAction({ ...observe, server: "nobody" }, upstreams)).toThrow(/there is no server "nobody"/);
  });
});
