import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shopConfig } from "./config.ts";
import { callTool, configFolder, ERAS, startHost } from "./host.ts";
import { openShop, type Shop } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

let n = 0;
const fresh = (): string => `I${++n}-${process.pid}`;

describe.each(ERAS)("which call is the same, protocol %s", (era) => {
  it("the host's call id is the lower rung: the same one is a repetition, another one is not", async () => {
    const { client } = await startHost(configFolder(shopConfig(shop)), era);
    const ref = fresh();
    const given = { action: "keyless_order", payload: { ref } };
    const call = (id: string) => callTool(client, "safe_execute", given, { "claudecode/toolUseId": id });
    expect((await call("toolu_1")).data).toMatchObject({ status: "executed", receipt: { key_source: "host_call" } });
    expect((await call("toolu_1")).data.status).toBe("replayed");
    expect((await call("toolu_2")).data.status).toBe("executed");
    expect(shop.orders(ref)).toHaveLength(2);
  });

  it("the trace that the host's traceparent names is the receipt's", async () => {
    const { client } = await startHost(configFolder(shopConfig(shop)), era);
    const given = { action: "order", payload: { ref: fresh() } };
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const { data } = await callTool(client, "safe_execute", given, { traceparent });
    expect(data.receipt.trace_id).toBe("4bf92f3577b34da6a3ce929d0e0e4736");
  });

  it("it does not name what is irreversible", async () => {
    const { client } = await startHost(configFolder(shopConfig(shop)), era);
    const given = { action: "strict_order", payload: { ref: fresh() } };
    const { data } = await callTool(client, "safe_execute", given, { "claudecode/toolUseId": "toolu_3" });
    expect(data.error.code).toBe("missing_identity");
    expect(shop.orders(given.payload.ref)).toHaveLength(0);
  });

  it("SEP-3182's idempotencyKey names the intent where the model gives no request id", async () => {
    const { client, transport } = await startHost(configFolder(shopConfig(shop)), era);
    const ref = fresh();
    // Below the client, which may not know the field: as a host writes it.
    const send = transport.send.bind(transport);
    transport.send = (message, ...rest) => {
      const { method, params } = message as { method?: string; params?: Record<string, unknown> };
      if (method === "tools/call") Object.assign(params ?? {}, { idempotencyKey: `sep-${ref}` });
      return send(message, ...rest);
    };
    const given = { action: "strict_order", payload: { ref } };
    const first = await callTool(client, "safe_execute", given);
    expect(first.data).toMatchObject({
      status: "executed",
      request_id: `sep-${ref}`,
      receipt: { key_source: "explicit" },
    });
    expect((await callTool(client, "safe_execute", given)).data.status).toBe("replayed");
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("Codex's thread is the run, so that it can be stopped as one", async () => {
    const { client } = await startHost(configFolder(shopConfig(shop)), era);
    const given = { action: "order", payload: { ref: fresh() } };
    const { data } = await callTool(client, "safe_execute", given, { callId: "call_1", threadId: "thread-9" });
    expect(data.receipt).toMatchObject({ run_id: "thread-9", key_source: "business_key" });
  });
});

describe.each(["2025-06-18", "2025-11-25"] as const)("a person who takes too long, protocol %s", (era) => {
  it("the call is answered as held in time, and the late yes changes nothing", async () => {
    const late = Promise.withResolvers<{ action: "accept"; content: { approve: boolean } }>();
    const { client } = await startHost(configFolder(shopConfig(shop)), era, {
      args: ["--answer-within", "10500ms"],
      client: { capabilities: { elicitation: {} } },
      prepare: (made) => made.setRequestHandler("elicitation/create", () => late.promise),
    });
    const given = { action: "careful_order", payload: { ref: fresh() } };
    const { data } = await callTool(client, "safe_execute", given);
    expect(data.status).toBe("held");
    late.resolve({ action: "accept", content: { approve: true } });
    expect((await callTool(client, "get_receipt", { request_id: data.request_id })).data.status).toBe("held");
    expect(shop.orders(given.payload.ref)).toHaveLength(0);
  });
});
