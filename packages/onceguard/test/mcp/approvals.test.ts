import type { Client } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { shopConfig } from "./config.ts";
import { callTool, configFolder, ERAS, startHost } from "./host.ts";
import { openShop, type Shop } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

let n = 0;
const fresh = (): string => `A${++n}-${process.pid}`;

type Reply = {
  action: "accept" | "decline" | "cancel";
  content?: Record<string, string | number | boolean | string[]>;
};

/** A host whose person answers so; and what they were asked. */
function person(reply: Reply | (() => Promise<Reply>)) {
  const asked: string[] = [];
  const prepare = (client: Client): void => {
    client.setRequestHandler("elicitation/create", async (request) => {
      asked.push(String(request.params.message));
      return typeof reply === "function" ? reply() : reply;
    });
  };
  return { asked, options: { client: { capabilities: { elicitation: { form: {} } } }, prepare } };
}

describe.each(ERAS)("approvals, protocol %s", (era) => {
  it("the person at the host is asked, in the guard's words, and a yes executes it once", async () => {
    const { asked, options } = person({ action: "accept", content: { approve: true } });
    const { client } = await startHost(configFolder(shopConfig(shop)), era, options);
    const ref = fresh();
    const given = { action: "careful_order", payload: { ref } };
    const { data } = await callTool(client, "safe_execute", given);
    expect(data.status).toBe("executed");
    expect(asked).toHaveLength(1);
    expect(asked[0]).toContain("Approve careful_order (side-effecting)?");
    expect(asked[0]).toContain(`"ref": "${ref}"`);
    expect(asked[0]).toContain("orders of this kind need a person");
    expect((await callTool(client, "safe_execute", given)).data.status).toBe("replayed");
    expect(asked).toHaveLength(1);
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("what is shown is what is executed: the prose that was recorded, and nothing hidden in it", async () => {
    const { asked, options } = person({ action: "accept", content: { approve: true } });
    const { client } = await startHost(configFolder(shopConfig(shop)), era, options);
    const ref = fresh();
    const noted = (note: string) => ({ action: "careful_order", payload: { ref, note } });
    await callTool(client, "propose", noted("cheap\u202eevisnepxe"));
    await callTool(client, "safe_execute", noted("harmless"));
    expect(asked[0]).toContain("cheap\\u202eevisnepxe");
    expect(asked[0]).not.toContain("harmless");
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it.each([
    ["a decline, which hosts without a person send, too", { action: "decline" }, "held"],
    ["a no in the form", { action: "accept", content: { approve: false } }, "denied"],
    ["closing the question", { action: "cancel" }, "held"],
  ] as [string, Reply, string][])("%s sends nothing", async (_what, reply, status) => {
    const { options } = person(reply);
    const { client } = await startHost(configFolder(shopConfig(shop)), era, options);
    const ref = fresh();
    const { data } = await callTool(client, "safe_execute", { action: "careful_order", payload: { ref } });
    expect(data.status).toBe(status);
    expect(shop.orders(ref)).toHaveLength(0);
  });

  it("a host without elicitation gets `held`, and it runs by itself once a person has approved elsewhere", async () => {
    const folder = configFolder(shopConfig(shop));
    const args = ["--review-url", "https://guard.example/reviews/{request_id}"];
    const { client } = await startHost(folder, era, { args });
    const ref = fresh();
    const given = { action: "careful_order", payload: { ref } };
    const held = await callTool(client, "safe_execute", given);
    expect(held).toMatchObject({ isError: false, data: { status: "held", review: { waits_for: "approval" } } });
    expect(held.data.review.url).toBe(`https://guard.example/reviews/${held.data.request_id}`);
    expect(held.text).toContain("tell your user");
    expect(shop.orders(ref)).toHaveLength(0);

    const guard = createGuard({ store: sqliteStore({ path: `${folder}/receipts.db` }), sweepEvery: false });
    await guard.approve(held.data.request_id, { actor: "ada", reason: "looked at it" });
    await guard.close();
    const answer = async () =>
      (await callTool(client, "get_receipt", { request_id: held.data.request_id })).data.status;
    await expect.poll(answer, { timeout: 60_000, interval: 200 }).toBe("replayed");
    expect(shop.orders(ref)).toHaveLength(1);
  });

  it("what a person has halted is answered as halted, and nothing is sent", async () => {
    const folder = configFolder(shopConfig(shop));
    const { client } = await startHost(folder, era);
    const ref = fresh();
    await callTool(client, "propose", { action: "order", payload: { ref } }); // makes the store
    const guard = createGuard({ store: sqliteStore({ path: `${folder}/receipts.db` }), sweepEvery: false });
    await guard.halt("action", "order", { actor: "ada", reason: "wrong prices" });
    await guard.close();
    const halted = await callTool(client, "safe_execute", { action: "order", payload: { ref } });
    expect(halted).toMatchObject({ isError: true, data: { status: "halted" } });
    expect(halted.data.reason).toContain("wrong prices");
    expect(halted.text).toContain("do not call again until a person has resumed it");
    expect(shop.orders(ref)).toHaveLength(0);
  });
});

describe("the state that a client keeps between two rounds", () => {
  const modern = "2026-07-28";
  const meta = {
    "io.modelcontextprotocol/protocolVersion": modern,
    "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
  };

  /** A client that does not follow the rules. */
  async function raw(folder: string) {
    const { client, transport } = await startHost(folder, modern);
    let id = 1_000;
    // biome-ignore lint/suspicious/noExplicitAny: what the server answers is what is tested
    const send = (given: unknown, more: Record<string, unknown> = {}): Promise<any> => {
      const own = `raw-${++id}`;
      const through = transport.onmessage;
      return new Promise((resolve) => {
        transport.onmessage = (message) => {
          if ((message as { id?: unknown }).id === own) resolve(message);
          else through?.(message);
        };
        const params = { name: "safe_execute", arguments: given, _meta: meta, ...more };
        void transport.send({ jsonrpc: "2.0", id: own, method: "tools/call", params } as never);
      });
    };
    return { client, send };
  }
  const yes = { approve: { action: "accept", content: { approve: true } } };

  it("is signed, bound to every argument, and good for one decision", async () => {
    const { send } = await raw(configFolder(shopConfig(shop)));
    const ref = fresh();
    const given = { action: "careful_order", payload: { ref } };
    const { result: first } = await send(given);
    expect(first.resultType).toBe("input_required");
    const state: string = first.requestState;

    const [version, body = "", mac] = state.split(".");
    const forged = Buffer.from(body, "base64url").toString().replace('"version":1', '"version":2');
    const forgeries = ["nonsense", `${version}.${Buffer.from(forged).toString("base64url")}.${mac}`, `${state}x`];
    for (const requestState of forgeries) {
      const { error } = await send(given, { requestState, inputResponses: yes });
      expect(error).toMatchObject({ code: -32602, message: "Invalid or expired requestState" });
    }
    // Consent to one order is none to another.
    const other = { action: "careful_order", payload: { ref: fresh() } };
    await send(other);
    expect((await send(other, { requestState: state, inputResponses: yes })).error).toMatchObject({ code: -32602 });
    // An answer to nothing that was asked.
    expect((await send(given, { inputResponses: yes })).result.resultType).toBe("input_required");
    expect(shop.orders(ref)).toHaveLength(0);

    expect((await send(given, { requestState: state, inputResponses: yes })).result.structuredContent.status).toBe(
      "executed",
    );
    expect((await send(given, { requestState: state, inputResponses: yes })).result.structuredContent.status).toBe(
      "replayed",
    );
    expect(shop.orders(ref)).toHaveLength(1);
    expect(shop.orders(other.payload.ref)).toHaveLength(0);
  });
});
