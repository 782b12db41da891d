import { once } from "node:events";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { effectContext, guardTool, notDoneIn } from "../../../src/adapters/anthropic/index.ts";
import type { ToolRule } from "../../../src/adapters/guarded-tool.ts";
import { type Desk, guardOf, newDesk, type Order } from "../ai-sdk/desk.ts";
import { call, type Major, type Message, type Step, sdk_0, sdk_1, type ToolResult, user } from "./fake-api.ts";

// What the SDK's tool runner and its users do when something goes wrong, each story without a guard and with it. The desk's
// own ledger says how often it happened. The runner asks nobody for approval and has no time limit for a tool; what there
// is instead is the caller's signal, and messages that a program has kept and runs again.

const ORDER = z.object({ order: z.string(), cents: z.number(), note: z.string().optional() });
const A1 = { order: "A1", cents: 500 };
const BY_ORDER: ToolRule<Order, unknown> = { keyFields: ["order"], volatile: ["note"] };
const BY_CALL: ToolRule<Order, unknown> = { riskTier: "side_effecting" };

type Charge = (order: Order, context?: { signal?: AbortSignal | null | undefined }) => string | Promise<string>;

interface Ways {
  readonly rule?: ToolRule<Order, unknown>;
  readonly scope?: string;
}

/** The same tool on both sides of the comparison. */
function chargeTool({ zodTool }: Major, desk: Desk, guarded: boolean, run: Charge, ways: Ways = {}) {
  const { rule = BY_ORDER, scope } = ways;
  const tool = zodTool({ name: "charge", description: "Takes the money", inputSchema: ORDER, run });
  if (!guarded) return tool;
  return guardTool(guardOf(desk), tool, rule as never, scope === undefined ? {} : { context: { scope } });
}

const pay =
  (desk: Desk): Charge =>
  (order) =>
    desk.charge(order).receipt;

async function converse(major: Major, tool: unknown, steps: readonly Step[]): Promise<readonly ToolResult[]> {
  const { runner, told } = major.converse([tool], steps, [user("charge A1")]);
  await runner;
  return told;
}

describe.each([sdk_1, sdk_0])("$name", (major) => {
  describe.each([
    { way: "without a guard", guarded: false, effects: 2 },
    { way: "with it", guarded: true, effects: 1 },
  ])("$way", ({ guarded, effects }) => {
    it(`an answer that is lost, and the model's retry: ${effects} of 2`, async () => {
      const desk = newDesk();
      const charge = chargeTool(major, desk, guarded, async (order) => {
        desk.charge(order);
        throw new Error("socket hang up");
      });
      const told = await converse(major, charge, [[call("charge", A1, "c1")], [call("charge", A1, "c2")], "sorry"]);
      expect(desk.charged()).toHaveLength(effects);
      expect(told).toHaveLength(2);
      for (const result of told) {
        expect(result.is_error).toBe(guarded ? undefined : true);
        if (guarded) expect(result.content).toMatch(/nobody knows yet|A person has to decide/);
      }
    });

    it(`an answer that is lost, where the desk can be asked: ${effects} of 2, and the model learns the result`, async () => {
      const desk = newDesk();
      const probe = () => {
        const n = desk.charged().length;
        return n === 0 ? { answer: "did_not_happen" as const } : { answer: "happened" as const, result: `r${n}` };
      };
      const lose: Charge = async (order) => {
        desk.charge(order);
        throw new Error("socket hang up");
      };
      const charge = chargeTool(major, desk, guarded, lose, { rule: { ...BY_ORDER, probe } });
      const told = await converse(major, charge, [[call("charge", A1, "c1")], [call("charge", A1, "c2")], "done"]);
      expect(desk.charged()).toHaveLength(effects);
      if (guarded) expect(told.map(({ content }) => content)).toEqual(["r1", "r1"]);
    });

    it(`a new run of the same request, with other prose and other call ids: ${effects} of 2`, async () => {
      const desk = newDesk();
      const charge = chargeTool(major, desk, guarded, pay(desk));
      for (const [id, note] of [
        ["c1", "as asked"],
        ["c9", "as the customer wished"],
      ] as const) {
        const told = await converse(major, charge, [[call("charge", { ...A1, note }, id)], "done"]);
        if (guarded) expect(told.map(({ content }) => content)).toEqual(["r1"]);
      }
      expect(desk.charged()).toHaveLength(effects);
    });

    it(`two equal calls in one reply, where one was meant: ${effects} of 2`, async () => {
      const desk = newDesk();
      const charge = chargeTool(major, desk, guarded, pay(desk));
      await converse(major, charge, [[call("charge", A1, "c1"), call("charge", A1, "c2")], "done"]);
      expect(desk.charged()).toHaveLength(effects);
    });

    it("two equal calls in one reply, where two were meant: 2 of 2", async () => {
      const desk = newDesk();
      const charge = chargeTool(major, desk, guarded, pay(desk), { rule: BY_CALL, scope: "thread-1" });
      await converse(major, charge, [[call("charge", A1, "c1"), call("charge", A1, "c2")], "done"]);
      expect(desk.charged()).toHaveLength(2);
    });

    it(`messages that were kept, resumed twice: ${effects} of 2, by the call's id alone`, async () => {
      const desk = newDesk();
      const charge = chargeTool(major, desk, guarded, pay(desk), { rule: BY_CALL, scope: "thread-1" });
      const kept: readonly Message[] = [user("charge A1"), { role: "assistant", content: [call("charge", A1, "c1")] }];
      for (let n = 0; n < 2; n++) {
        const { runner } = major.converse([charge], [], kept);
        const results = await runner.generateToolResponse();
        if (guarded) expect(results?.content).toEqual([expect.objectContaining({ content: "r1" })]);
      }
      expect(desk.charged()).toHaveLength(effects);
    });

    it(`a caller who gives up mid-effect, and runs it again: ${effects} of 2`, async () => {
      const desk = newDesk();
      const effect = Promise.withResolvers<void>();
      const stop = new AbortController();
      const charge = chargeTool(major, desk, guarded, async (order, context) => {
        const { receipt } = desk.charge(order);
        if (desk.charged().length > 1) return receipt;
        const { signal } = context ?? {};
        // As `fetch` does: the desk's answer comes, unless the signal is faster.
        const aborted = signal ? once(signal, "abort") : effect.promise;
        stop.abort();
        await Promise.race([effect.promise, signal?.aborted ? undefined : aborted]);
        signal?.throwIfAborted();
        return receipt;
      });
      const first = major.converse([charge], [[call("charge", A1, "c1")], "done"], [user("charge A1")], stop.signal);
      await Promise.resolve(first.runner).catch(() => undefined);
      effect.resolve();
      const told = await converse(major, charge, [[call("charge", A1, "c2")], "done"]);
      expect(desk.charged()).toHaveLength(effects);
      if (guarded) expect(told.map(({ content }) => content)).toEqual(["r1"]);
    });
  });

  it("what waits for a person can stop the runner; approved, the kept messages run it once, however often", async () => {
    const desk = newDesk();
    const guard = guardOf(desk, { rules: [{ verdict: "review", reason: "money needs a person" }] });
    const { zodTool } = major;
    const charge = guardTool(
      guard,
      zodTool({
        name: "charge",
        description: "",
        inputSchema: ORDER,
        run: async (order) => desk.charge(order).receipt,
      }),
      { keyFields: ["order"] },
    );
    const { runner } = major.converse([charge], [[call("charge", A1, "c1")]], [user("charge A1")]);
    const kept: Message[] = [user("charge A1")];
    let held: string | null = null;
    for await (const message of runner) {
      kept.push({ role: "assistant", content: (message as Message).content });
      const [first] = notDoneIn(await runner.generateToolResponse());
      expect(first).toMatchObject({ status: "held", reasons: ["money needs a person"] });
      held = first?.request_id ?? null;
      break;
    }
    expect(desk.charged()).toHaveLength(0);
    await guard.approve(held as string, { actor: "kim", reason: "looked at it" });
    for (let n = 0; n < 2; n++) {
      const results = await major.converse([charge], [], kept).runner.generateToolResponse();
      expect(notDoneIn(results)).toEqual([]);
      expect(results?.content).toEqual([expect.objectContaining({ tool_use_id: "c1", content: "r1" })]);
    }
    expect(desk.charged()).toHaveLength(1);
  });
});

describe("what a guarded tool is", () => {
  const tool = sdk_1.zodTool({
    name: "charge",
    description: "Takes the money",
    inputSchema: ORDER,
    strict: true,
    run: async () => [{ type: "text" as const, text: "paid" }],
  });

  it("all that the tool was, with another run; blocks survive, also in a replay", async () => {
    const guarded = guardTool(guardOf(newDesk()), tool, { keyFields: ["order"] });
    const { run: _run, ...rest } = tool;
    expect(guarded).toMatchObject(rest);
    const told = await converse(sdk_1, guarded, [[call("charge", A1, "c1")], [call("charge", A1, "c2")], "done"]);
    expect(told.map(({ content }) => content)).toEqual([
      [{ type: "text", text: "paid" }],
      [{ type: "text", text: "paid" }],
    ]);
  });

  it("one that another schema library describes", async () => {
    const desk = newDesk();
    const schema = sdk_1.schemaTool({
      name: "charge",
      description: "",
      inputSchema: ORDER,
      jsonSchema: { type: "object" },
      run: async (order) => `${desk.charge(order).receipt} ${effectContext().idempotencyKey.length <= 36}`,
    });
    const guarded = guardTool(guardOf(desk), schema, BY_ORDER as never);
    const told = await converse(sdk_1, guarded, [[call("charge", A1, "c1")], "done"]);
    expect(told.map(({ content }) => content)).toEqual(["r1 true"]);
  });

  it("one that a JSON schema describes", async () => {
    const desk = newDesk();
    const inputSchema = { type: "object", properties: { order: { type: "string" } }, required: ["order"] } as const;
    const run = ({ order }: { order: string }) => desk.charge({ order, cents: 1 }).receipt;
    const guarded = guardTool(guardOf(desk), betaTool({ name: "charge", description: "", inputSchema, run }), {
      keyFields: ["order"],
    });
    const told = await converse(sdk_1, guarded, [[call("charge", A1, "c1")], [call("charge", A1, "c2")], "done"]);
    expect(told.map(({ content }) => content)).toEqual(["r1", "r1"]);
  });

  it("input that does not fit is the model's to correct", async () => {
    const guarded = guardTool(guardOf(newDesk()), tool, { keyFields: ["note"] });
    const told = await converse(sdk_1, guarded, [[call("charge", A1, "c1")], "done"]);
    expect(told).toEqual([expect.not.objectContaining({ is_error: true })]);
    expect(JSON.parse(told[0]?.content as string)).toMatchObject({ status: "invalid", code: "missing_key_field" });
  });

  it("nothing without a rule; with the word safe, the tool itself", () => {
    const guard = guardOf(newDesk());
    expect(guardTool(guard, tool, "safe")).toBe(tool);
    const wrong = (given: unknown, rule: unknown) => () => guardTool(guard, given as never, rule as never);
    expect(wrong(tool, undefined)).toThrow(
      expect.objectContaining({ code: "invalid_option", message: expect.stringContaining('"charge"') }),
    );
    expect(wrong({ type: "web_search_20250305", name: "web_search" }, {})).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
    expect(wrong(tool, {})).toThrow(expect.objectContaining({ code: "missing_identity" }));
    expect(wrong(tool, BY_CALL)).toThrow(
      expect.objectContaining({ code: "missing_identity", message: expect.stringContaining("scope") }),
    );
    expect(wrong(tool, { keyFields: ["order"], retires: 1 })).toThrow(
      expect.objectContaining({ code: "invalid_action" }),
    );
  });

  it("only our own answers are found among results", () => {
    const ours = { status: "held", request_id: "x", message: "wait" };
    const content = [
      { type: "tool_result", content: JSON.stringify(ours) },
      { type: "tool_result", content: "r1" },
      { type: "tool_result", content: '{"status":"held"}' },
      { type: "tool_result", content: [{ type: "text", text: JSON.stringify(ours) }] },
      { type: "text", content: JSON.stringify(ours) },
    ];
    expect(notDoneIn({ content })).toEqual([ours]);
    expect([notDoneIn(null), notDoneIn({ content: "text" })]).toEqual([[], []]);
  });
});
