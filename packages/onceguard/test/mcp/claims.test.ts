import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AnyAction } from "../../src/core/action.ts";
import { externalEntry } from "../../src/kinds/external-entry.ts";
import { mcpServer } from "../../src/mcp/server/create-server.ts";
import { serveOverHttp } from "../../src/mcp/server/http/serve.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { createRuntime } from "../../src/pipeline/create-runtime.ts";
import { externalClaims } from "../../src/pipeline/external-claim.ts";
import type { GuardOptions } from "../../src/pipeline/guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { callTool, ERAS, type Era, speaking } from "./host.ts";

/** What the host does itself, by hand: its own ledger. */
const open = externalEntry({
  kind: "external",
  name: "open_valve",
  riskTier: "side_effecting",
  keyFields: ["valve"],
  record: "valve:{valve}",
});

async function host(era: Era, options: Partial<GuardOptions> = {}) {
  let now = 1_000_000;
  const store = memoryStore({ clock: () => now });
  const given = { store, actions: [], sweepEvery: false, ...options } as const;
  const guard = createGuard(given);
  const never = new AbortController().signal;
  const runtime = createRuntime(given, never, never, () => false);
  const claiming = Object.assign(guard, {
    external: (definitions: readonly AnyAction[]) => externalClaims(runtime, () => runtime.ready(), definitions),
  });
  const factory = mcpServer({ guard: claiming as never, actions: [], external: [open] });
  const serving = await serveOverHttp(factory, { host: "127.0.0.1", port: 0, tokens: [] });
  const client = new Client({ name: "test-host", version: "1" }, speaking(era));
  await client.connect(new StreamableHTTPClientTransport(new URL(serving.url)));
  await client.listTools();
  onTestFinished(async () => {
    await client.close();
    await serving.close();
    await guard.close();
  });
  const claim = async (more: Record<string, unknown> = {}, valve = "V1") =>
    (await callTool(client, "claim", { action: "open_valve", payload: { valve }, ...more })).data;
  const tool = async (name: string, args: Record<string, unknown>) => (await callTool(client, name, args)).data;
  return {
    client,
    guard,
    claim,
    tool,
    later: (ms: number) => {
      now += ms;
    },
  };
}

describe.each(ERAS)("effects that the host performs itself, protocol %s", (era) => {
  it("one claimant gets the right; when it is done, everybody else gets its result", async () => {
    const { claim, tool } = await host(era);
    const mine = await claim();
    expect(mine).toMatchObject({ status: "claimed", fencing_token: 1 });
    expect(mine.idempotency_key).toHaveLength(36);
    expect((await claim()).status).toBe("in_progress");
    const done = { request_id: mine.request_id, fencing_token: 1, result: { opened: true } };
    expect(await tool("complete", done)).toMatchObject({ status: "executed", result: { opened: true } });
    expect((await tool("complete", done)).status).toBe("replayed");
    expect(await claim()).toMatchObject({ status: "replayed", result: { opened: true } });
    expect((await tool("get_receipt", { request_id: mine.request_id })).receipt.conflict).toBeUndefined();
  });

  it("two claims at the same time: one of them", async () => {
    const { claim } = await host(era);
    const all = await Promise.all(Array.from({ length: 8 }, () => claim()));
    expect(all.filter(({ status }) => status === "claimed")).toHaveLength(1);
  });

  it("a claim whose answer was lost is asked again with the same token; another token gets nothing", async () => {
    const { claim } = await host(era);
    const first = await claim({ claim_token: "b7c1-unguessable" });
    expect(await claim({ claim_token: "b7c1-unguessable" })).toMatchObject({
      status: "claimed",
      fencing_token: first.fencing_token,
      idempotency_key: first.idempotency_key,
    });
    expect((await claim({ claim_token: "guessed" })).status).toBe("in_progress");
  });

  it("a lease that runs out is a question, and a late complete answers it", async () => {
    const { claim, tool, later } = await host(era);
    const { request_id } = await claim({ lease_ms: 5_000 });
    later(4_000);
    expect((await tool("renew", { request_id, fencing_token: 1, lease_ms: 5_000 })).status).toBe("claimed");
    later(4_000);
    expect((await claim()).status).toBe("in_progress");
    later(2_000);
    expect((await claim()).status).toBe("in_doubt");
    expect((await tool("renew", { request_id, fencing_token: 1 })).status).toBe("in_doubt");
    expect(await tool("complete", { request_id, fencing_token: 1, result: "late" })).toMatchObject({
      status: expect.stringMatching(/executed|replayed/),
      receipt: { evidence: "late" },
    });
  });

  it("fail says whether it may have happened, and only a certain no lets it be claimed again", async () => {
    const { claim, tool, later } = await host(era);
    const { request_id } = await claim();
    const no = {
      request_id,
      certainty: "definite",
      code: "jammed",
      message: "The valve is jammed.",
      may_try_again: true,
    };
    expect((await tool("fail", { ...no, fencing_token: 1 })).status).toBe("retry_later");
    later(60_000);
    expect(await claim()).toMatchObject({ status: "claimed", fencing_token: 2 });
    const unsure = { ...no, certainty: "indefinite", code: "timeout", message: "No answer." };
    expect((await tool("fail", { ...unsure, fencing_token: 2 })).status).toBe("in_doubt");
    expect((await claim()).status).toBe("in_doubt");
  });

  it("a token that was never given out, and another's request, change nothing", async () => {
    const { claim, tool, guard } = await host(era);
    const { request_id } = await claim();
    const wrong = await tool("complete", { request_id, fencing_token: 7, result: "x" });
    expect(wrong).toMatchObject({ status: "invalid", error: { code: "version_conflict" } });
    const slow = Promise.withResolvers<string>();
    const own = guard.execute({ requestId: "own", action: "own", payload: {}, execute: () => slow.promise });
    await expect.poll(async () => (await guard.receipt("own"))?.state).toBe("running");
    expect(await tool("complete", { request_id: "own", fencing_token: 1, result: "x" })).toMatchObject({
      status: "invalid",
    });
    expect((await guard.receipt("own"))?.state).toBe("running");
    slow.resolve("done");
    expect(await own).toMatchObject({ status: "executed", result: "done" });
    expect((await tool("safe_execute", { action: "open_valve", payload: { valve: "V2" } })).status).toBe("invalid");
  });

  it("rules and halts hold for claims, too", async () => {
    const held = await host(era, { rules: [{ action: "open_valve", verdict: "review", reason: "ask ada" }] });
    const first = await held.claim();
    expect(first.status).toBe("held");
    await held.guard.approve(first.request_id, { actor: "ada", reason: "fine" });
    expect((await held.claim()).status).toBe("claimed");
    const halted = await host(era);
    await halted.guard.halt("action", "open_valve", { actor: "ada", reason: "stop" });
    expect((await halted.claim()).status).toBe("halted");
  });
});
