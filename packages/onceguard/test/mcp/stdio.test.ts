import { rmSync } from "node:fs";
import type { Client } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shopConfig } from "./config.ts";
import { callTool, configFolder, ERAS, openHost, sharedFolder, startHost } from "./host.ts";
import { openShop, type Shop } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

let n = 0;
const fresh = (): string => `S${++n}-${process.pid}`;

describe.each(ERAS)("onceguard mcp over stdio, protocol %s", (era) => {
  const host = (options: Parameters<typeof startHost>[2] = {}) =>
    startHost(configFolder(shopConfig(shop)), era, options);
  // One server for all tests that neither end it nor start it differently.
  let shared: string;
  let client: Client;
  beforeAll(async () => {
    shared = sharedFolder(shopConfig(shop));
    client = (await openHost(shared, era)).client;
    await client.listTools(); // from here on the client checks every answer against its schema
  });
  afterAll(async () => {
    await client.close();
    rmSync(shared, { recursive: true, force: true });
  });

  it("has the tools, with schemas, and says what each action promises", async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["safe_execute", "propose", "get_receipt", "list_actions"]);
    expect(tools.every(({ outputSchema, annotations }) => outputSchema && annotations)).toBe(true);
    const { data } = await callTool(client, "list_actions", {});
    expect(data.actions[0]).toMatchObject({
      name: "order",
      key_fields: ["ref"],
      needs_request_id: false,
      promise: "at most once; a crash becomes a question",
      input_schema: { type: "object" },
    });
    expect(data.actions[4]).toMatchObject({ name: "strict_order", needs_request_id: true });
    expect(JSON.stringify([tools, data])).not.toMatch(/exactly once/i);
  });

  it("a repeated call, under a new JSON-RPC id and with other prose, makes no second effect", async () => {
    const ref = fresh();
    const first = await callTool(client, "safe_execute", { action: "order", payload: { ref, note: "please" } });
    const again = await callTool(client, "safe_execute", { action: "order", payload: { ref, note: "now, please" } });
    expect([first.data.status, again.data.status]).toEqual(["executed", "replayed"]);
    expect(again.data.result).toEqual(first.data.result);
    expect(again.data.receipt.request_id).toBe(first.data.receipt.request_id);
    expect(again.text).toContain("do not call again");
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("two identical calls at the same time are one effect", async () => {
    const ref = fresh();
    const given = { action: "order", payload: { ref, mode: "slow" } };
    const both = await Promise.all([callTool(client, "safe_execute", given), callTool(client, "safe_execute", given)]);
    expect(both.map(({ data }) => data.status).sort()).toEqual(["executed", "replayed"]);
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("a host that dies mid-effect and comes back finds what the first call did", async () => {
    const folder = configFolder(shopConfig(shop));
    const first = await startHost(folder, era);
    const ref = fresh();
    const given = { action: "order", payload: { ref, mode: "slow" } };
    const lost = callTool(first.client, "safe_execute", given).catch((error: Error) => error);
    await shop.until(() => shop.orders(ref).length === 1, "the order");
    await first.client.close(); // stdin ends; the process drains
    expect(await lost).toBeInstanceOf(Error);
    const second = await startHost(folder, era);
    const { data } = await callTool(second.client, "safe_execute", given);
    expect(data.status).toBe("replayed");
    expect(data.result).toMatchObject({ status: 201, body: { ref } });
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("a server that is killed mid-effect leaves a question, and its successor does not send again", async () => {
    const folder = configFolder({ ...shopConfig(shop), lease: "2s" });
    const first = await startHost(folder, era);
    const ref = fresh();
    const given = { action: "order", payload: { ref, mode: "hold" } };
    const lost = callTool(first.client, "safe_execute", given).catch((error: Error) => error);
    await shop.until(() => shop.orders(ref).length === 1, "the order");
    process.kill(first.transport.pid as number, "SIGKILL");
    expect(await lost).toBeInstanceOf(Error);
    const second = await startHost(folder, era);
    const { data } = await callTool(second.client, "safe_execute", given);
    expect(["in_progress", "in_doubt"]).toContain(data.status); // until its lease is over, nobody can know that it is dead
    expect(shop.orders(ref)).toHaveLength(1);
    await shop.release();
  });

  it("two servers on one store: identical calls at the same time are one effect", async () => {
    const folder = configFolder(shopConfig(shop));
    const [a, b] = [await startHost(folder, era), await startHost(folder, era)];
    const ref = fresh();
    const given = { action: "order", payload: { ref, mode: "slow" } };
    const all = await Promise.all([a, b, a, b].map(({ client }) => callTool(client, "safe_execute", given)));
    expect(all.map(({ data }) => data.status).sort()).toEqual(["executed", "replayed", "replayed", "replayed"]);
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("a call that is cancelled after the dispatch is detached, and its re-issue gets the result", async () => {
    const ref = fresh();
    const given = { action: "order", payload: { ref, mode: "slow" } };
    const leave = new AbortController();
    const left = client
      .callTool({ name: "safe_execute", arguments: given }, { signal: leave.signal })
      .catch((error: Error) => error);
    await shop.until(() => shop.orders(ref).length === 1, "the order");
    leave.abort();
    await left;
    const { data } = await callTool(client, "safe_execute", given);
    expect(["replayed", "executed"]).toContain(data.status);
    expect(data.result.body.ref).toBe(ref);
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("an effect that takes longer than an answer may goes on, and get_receipt has it", async () => {
    const { client } = await host({ args: ["--answer-within", "400ms"] });
    const ref = fresh();
    const slow = await callTool(client, "safe_execute", { action: "order", payload: { ref, mode: "slow" } });
    expect(slow.data.status).toBe("in_progress");
    expect(slow.isError).toBe(false);
    expect(slow.text).toContain("Ask get_receipt");
    const answer = async () => (await callTool(client, "get_receipt", { request_id: slow.data.request_id })).data;
    await expect.poll(async () => (await answer()).status, { timeout: 60_000 }).toBe("replayed");
    expect((await answer()).result.body.ref).toBe(ref);
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("in doubt is a result, not an error, and says not to call again; calling again does not send", async () => {
    const ref = fresh();
    const given = { action: "order", payload: { ref, mode: "lose" } };
    const lost = await callTool(client, "safe_execute", given);
    expect(lost).toMatchObject({ isError: false, data: { status: "in_doubt" } });
    expect(lost.text).toContain("It may have happened");
    expect(lost.text).toContain("Do not call again");
    await callTool(client, "safe_execute", given);
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("with a probe, what was in doubt is settled by asking, and nothing is sent again", async () => {
    const ref = fresh();
    const settled = await callTool(client, "safe_execute", { action: "probed_order", payload: { ref, mode: "lose" } });
    expect(settled.data).toMatchObject({ status: "executed", receipt: { evidence: "probe" } });
    expect(shop.orders(ref)).toHaveLength(1);
    expect(shop.orders(ref)[0]?.key).toMatch(/^[\w-]{16,36}$/);
  });

  it("what certainly did not happen is an error result, the same one again", async () => {
    const given = { action: "order", payload: { ref: fresh(), mode: "reject" } };
    const first = await callTool(client, "safe_execute", given);
    expect(first).toMatchObject({ isError: true, data: { status: "failed", failure: { code: "http_402" } } });
    expect((await callTool(client, "safe_execute", given)).data.failure).toEqual(first.data.failure);
  });

  it("propose executes nothing", async () => {
    const ref = fresh();
    const given = { action: "order", payload: { ref } };
    const proposed = await callTool(client, "propose", given);
    expect(proposed.data).toMatchObject({ status: "proposed", verdict: "allow" });
    expect(shop.orders(ref)).toHaveLength(0);
    const done = await callTool(client, "safe_execute", given);
    expect(done.data.request_id).toBe(proposed.data.request_id);
    expect((await callTool(client, "propose", given)).data.status).toBe("known");
  });

  it("says in words what is wrong with a call, and sends nothing", async () => {
    const before = shop.count();
    const call = (given: Record<string, unknown>) => callTool(client, "safe_execute", given);
    const wrong = [
      await call({ action: "no_such_action", payload: {} }),
      await call({ action: "order", payload: { ref: "" } }),
      await call({ action: "order", payload: "text" }),
      await call({ action: "order", ref: "A1" }),
      await call({ action: "strict_order", payload: { ref: "A1" } }),
      await call({ action: "order", payload: { ref: "A1" }, record_id: "order:B2" }),
      await call({ payload: {} }),
    ];
    for (const { isError, data } of wrong)
      expect({ isError, status: data.status }).toEqual({ isError: true, status: "invalid" });
    expect(wrong.map(({ data }) => data.error.code)).toEqual([
      "unknown_action",
      "payload_invalid",
      "payload_invalid",
      "invalid_arguments",
      "missing_identity",
      "invalid_context",
      "invalid_arguments",
    ]);
    expect(shop.count()).toBe(before);
    expect((await callTool(client, "get_receipt", { request_id: "nobody" })).data.status).toBe("not_found");
  });

  it("an id stands for one payload", async () => {
    const ref = fresh();
    const call = (payload: unknown) =>
      callTool(client, "safe_execute", { action: "strict_order", request_id: ref, payload });
    expect((await call({ ref })).data.status).toBe("executed");
    expect(await call({ ref, more: 1 })).toMatchObject({ isError: true, data: { status: "mismatch" } });
    expect(shop.orders(ref)).toHaveLength(1);
  });
});
