import { once } from "node:events";
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { McpServer } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type AgentToolRule, effectContext, guardTool } from "../../../src/adapters/claude-agent/index.ts";
import { type Desk, guardOf, newDesk, type Order } from "../ai-sdk/desk.ts";
import { type Result, text, tool, use } from "./claude.ts";

// What an agent on the Agent SDK and its host do when something goes wrong, each story without a guard and with it. The
// desk's own ledger says how often it happened. A tool's time limit in Claude Code (MCP_TOOL_TIMEOUT) is a cancelled call.

const ORDER = { order: z.string(), cents: z.number(), note: z.string().optional() };
const A1 = { order: "A1", cents: 500 };
type Rule = AgentToolRule<Order, Result>;
const BY_ORDER: Rule = { keyFields: ["order"], volatile: ["note"] };
const BY_CALL: Rule = { riskTier: "side_effecting" };

type Charge = (order: Order, extra: unknown) => Promise<Result>;

/** The same tool on both sides of the comparison. */
function chargeTool(desk: Desk, guarded: boolean, charge: Charge, rule: Rule = BY_ORDER) {
  const definition = tool("charge", "Takes the money", ORDER, charge);
  return guarded ? guardTool(guardOf(desk), definition, rule) : definition;
}

const pay =
  (desk: Desk): Charge =>
  async (order) =>
    text(desk.charge(order).receipt);

const lose =
  (desk: Desk): Charge =>
  async (order) => {
    desk.charge(order);
    throw new Error("socket hang up");
  };

describe.each([
  { way: "without a guard", guarded: false, effects: 2 },
  { way: "with it", guarded: true, effects: 1 },
])("$way", ({ guarded, effects }) => {
  it(`an answer that is lost, and the model's retry: ${effects} of 2`, async () => {
    const desk = newDesk();
    const charge = chargeTool(desk, guarded, lose(desk));
    for (const id of ["t1", "t2"]) {
      const { told } = await use("desk", charge, { id, args: A1 });
      expect(told?.isError).toBe(guarded ? undefined : true);
      if (!guarded) continue;
      expect(told?.structuredContent).toMatchObject({
        message: expect.stringMatching(/nobody knows yet|has to decide/),
      });
      expect(JSON.parse(told?.content[0]?.text as string)).toEqual(told?.structuredContent);
    }
    expect(desk.charged()).toHaveLength(effects);
  });

  it(`an answer that is lost, where the desk can be asked: ${effects} of 2, and the model learns the result`, async () => {
    const desk = newDesk();
    const probe: NonNullable<Rule["probe"]> = () => {
      const n = desk.charged().length;
      return n === 0 ? { answer: "did_not_happen" } : { answer: "happened", result: text(`r${n}`) };
    };
    const charge = chargeTool(desk, guarded, lose(desk), { ...BY_ORDER, probe });
    const told = [];
    for (const id of ["t1", "t2"]) told.push((await use("desk", charge, { id, args: A1 })).told);
    expect(desk.charged()).toHaveLength(effects);
    if (guarded) expect(told).toEqual([text("r1"), text("r1")]);
  });

  it(`a result that says isError, and the model's retry: ${effects} of 2`, async () => {
    const desk = newDesk();
    const charge = chargeTool(desk, guarded, async (order) => {
      desk.charge(order);
      return { ...text("the bank did not answer"), isError: true };
    });
    for (const id of ["t1", "t2"]) {
      const { told } = await use("desk", charge, { id, args: A1 });
      expect(told?.isError).toBe(guarded ? undefined : true);
      if (guarded) expect(told?.content[0]?.text).toContain("the bank did not answer");
    }
    expect(desk.charged()).toHaveLength(effects);
  });

  it(`a new run of the same request, with other prose and other ids: ${effects} of 2`, async () => {
    const desk = newDesk();
    const charge = chargeTool(desk, guarded, pay(desk));
    await use("desk", charge, { id: "t1", args: { ...A1, note: "as asked" } });
    const { told } = await use("desk", charge, { id: "t9", args: { ...A1, note: "as wished" } });
    expect(desk.charged()).toHaveLength(effects);
    if (guarded) expect(told).toEqual(text("r1"));
  });

  it(`two equal calls side by side, where one was meant (claude-code#36149): ${effects} of 2`, async () => {
    const desk = newDesk();
    const charge = chargeTool(desk, guarded, pay(desk));
    await Promise.all(["t1", "t2"].map((id) => use("desk", charge, { id, args: A1 })));
    expect(desk.charged()).toHaveLength(effects);
  });

  it("two equal calls side by side, where two were meant: 2 of 2", async () => {
    const desk = newDesk();
    const charge = chargeTool(desk, guarded, pay(desk), BY_CALL);
    await Promise.all(["t1", "t2"].map((id) => use("desk", charge, { id, args: A1 })));
    expect(desk.charged()).toHaveLength(2);
  });

  it(`a call that is resumed twice: ${effects} of 2, by its id alone`, async () => {
    const desk = newDesk();
    const charge = chargeTool(desk, guarded, pay(desk), BY_CALL);
    for (let n = 0; n < 2; n++) {
      const { told } = await use("desk", charge, { id: "t1", args: A1 });
      if (guarded) expect(told).toEqual(text("r1"));
    }
    expect(desk.charged()).toHaveLength(effects);
  });

  it(`a call that Claude Code cancels mid-effect, and the call again: ${effects} of 2`, async () => {
    const desk = newDesk();
    const stop = new AbortController();
    const effect = Promise.withResolvers<void>();
    const charge = chargeTool(desk, guarded, async (order, extra) => {
      const { receipt } = desk.charge(order);
      if (desk.charged().length > 1) return text(receipt);
      const { signal } = extra as { signal: AbortSignal };
      const aborted = once(signal, "abort").then(() => signal.throwIfAborted());
      stop.abort();
      await Promise.race([effect.promise, aborted]);
      return text(receipt);
    });
    const { told } = await use("desk", charge, { id: "t1", args: A1, signal: stop.signal });
    if (guarded) expect(told?.structuredContent).toMatchObject({ status: "in_progress" });
    effect.resolve();
    const again = await use("desk", charge, { id: "t2", args: A1 });
    expect(again.told).toEqual(text(guarded ? "r1" : "r2"));
    expect(desk.charged()).toHaveLength(effects);
  });
});

describe("a guarded tool", () => {
  it("may say that its errors mean that nothing was done", async () => {
    const desk = newDesk();
    const refuse: Charge = async () => ({ ...text("card declined"), isError: true });
    const charge = chargeTool(desk, true, refuse, { ...BY_ORDER, noEffectOnError: true });
    const { told } = await use("desk", charge, { id: "t1", args: A1 });
    expect(told?.structuredContent).toMatchObject({
      status: "failed",
      failure: { code: "tool_error", message: expect.stringContaining("card declined") },
      message: expect.stringContaining("certainly did not happen"),
    });
  });

  it("works in a real MCP server, and its clients get what the guard says as a result", async () => {
    const desk = newDesk();
    const definition = chargeTool(desk, true, async (order) => {
      const { receipt } = desk.charge(order);
      if (order.order === "lost") throw new Error("socket hang up");
      return { ...text(receipt), structuredContent: { receipt, key: effectContext().idempotencyKey.length <= 36 } };
    });
    const server = new McpServer({ name: "desk", version: "1.0.0" });
    server.registerTool(
      "charge",
      { inputSchema: z.object(definition.inputSchema) },
      (args, extra) => definition.handler(args, extra) as never,
    );
    const client = new Client({ name: "test", version: "1.0.0" });
    const [here, there] = InMemoryTransport.createLinkedPair();
    await Promise.all([server.connect(there), client.connect(here)]);
    const call = (order: string) => client.callTool({ name: "charge", arguments: { order, cents: 5 } });
    for (let n = 0; n < 2; n++) expect((await call("A1")).structuredContent).toEqual({ receipt: "r1", key: true });
    const doubt = await call("lost");
    expect(doubt.isError).toBeUndefined();
    expect(doubt.structuredContent).toMatchObject({ request_id: expect.any(String), message: expect.any(String) });
    expect(desk.charged()).toHaveLength(2);
    await client.close();
  });

  it("has the model correct what does not fit, and needs something that names the intent", async () => {
    const desk = newDesk();
    const { told } = await use("desk", chargeTool(desk, true, pay(desk), { keyFields: ["note"] }), {
      id: "t1",
      args: A1,
    });
    expect(told?.structuredContent).toMatchObject({ status: "invalid", code: "missing_key_field" });
    // Somebody else calls the handler, and tells no id.
    const byCall = chargeTool(desk, true, pay(desk), BY_CALL);
    await expect(byCall.handler(A1, undefined)).rejects.toMatchObject({ code: "missing_identity" });
    expect(desk.charged()).toHaveLength(0);
  });

  it("without a rule there is none; with the word safe, it is the tool itself", () => {
    const guard = guardOf(newDesk());
    const definition = tool("charge", "", ORDER, async () => text("paid"));
    expect(guardTool(guard, definition, "safe")).toBe(definition);
    const wrong = (given: unknown, rule: unknown) => () => guardTool(guard, given as never, rule as never);
    const invalid = (message: string) =>
      expect.objectContaining({ code: "invalid_option", message: expect.stringContaining(message) });
    expect(wrong(definition, undefined)).toThrow(invalid('"charge"'));
    expect(wrong({ name: "charge" }, {})).toThrow(invalid("tool()"));
    expect(wrong(definition, {})).toThrow(expect.objectContaining({ code: "missing_identity" }));
    expect(wrong(definition, { ...BY_ORDER, retires: 1 })).toThrow(expect.objectContaining({ code: "invalid_action" }));
  });
});
