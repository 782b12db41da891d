import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { effectContext, guardTools } from "../../../src/adapters/ai-sdk/index.ts";
import type { ToolRule } from "../../../src/adapters/guarded-tool.ts";
import type { HostContext } from "../../../src/adapters/host-context.ts";
import { type Desk, guardOf, newDesk, type Order } from "./desk.ts";
import { ai_6, ai_7, call, type Major, user } from "./fake-chat.ts";

// What an agent and its host do when something goes wrong, each story without a guard and with it. The desk's own ledger
// says how often it happened. The SDK keeps no checkpoints: what is resumed is the conversation that a client posts again
// (approvals.test.ts), also after a crash (crash.test.ts).

const ORDER = z.object({ order: z.string(), cents: z.number(), note: z.string().optional() });
const A1 = { order: "A1", cents: 500 };
const BY_ORDER = { keyFields: ["order"], volatile: ["note"] } satisfies ToolRule<Order, unknown>;
const BY_CALL = { riskTier: "side_effecting" } satisfies ToolRule<Order, unknown>;

type Charge = (order: Order, options: { abortSignal?: AbortSignal | undefined }) => unknown;

interface Ways {
  readonly rule?: ToolRule<Order, unknown>;
  readonly context?: HostContext;
}

/** The same tools on both sides of the comparison. */
function tools({ ai }: Major, desk: Desk, guarded: boolean, execute: Charge, { rule = BY_ORDER, context }: Ways = {}) {
  const charge = ai.tool({ description: "Takes the money", inputSchema: ORDER, execute: execute as never });
  if (!guarded) return { charge };
  return guardTools(guardOf(desk), { charge }, { charge: rule as never }, context && { context });
}

describe.each([ai_7, ai_6])("$name", (major) => {
  describe.each([
    { way: "without a guard", guarded: false, effects: 2 },
    { way: "with it", guarded: true, effects: 1 },
  ])("$way", ({ guarded, effects }) => {
    it(`an answer that is lost, and the model's retry: ${effects} of 2`, async () => {
      const desk = newDesk();
      const charge = tools(major, desk, guarded, async (order) => {
        desk.charge(order);
        throw new Error("socket hang up");
      });
      const steps = [[call("charge", A1, "c1")], [call("charge", A1, "c2")], "sorry"];
      const { told, text } = await major.say({ messages: [user("charge A1")], steps, tools: charge });
      expect(desk.charged()).toHaveLength(effects);
      expect(text).toBe("sorry");
      if (!guarded) return expect(told).toEqual([expect.objectContaining({ type: "error-text" }), expect.anything()]);
      for (const { type, value } of told) {
        expect(type).toBe("json"); // and no error, which a model would try again
        expect(value).toMatchObject({ message: expect.stringMatching(/nobody knows yet|A person has to decide/) });
      }
    });

    it(`an answer that is lost, where the desk can be asked: ${effects} of 2, and the model learns the result`, async () => {
      const desk = newDesk();
      const probe = () => {
        const n = desk.charged().length;
        return n === 0
          ? { answer: "did_not_happen" as const }
          : { answer: "happened" as const, result: { receipt: `r${n}` } };
      };
      const charge = tools(
        major,
        desk,
        guarded,
        async (order) => {
          desk.charge(order);
          throw new Error("socket hang up");
        },
        { rule: { ...BY_ORDER, probe } },
      );
      const steps = [[call("charge", A1, "c1")], [call("charge", A1, "c2")], "done"];
      const { told } = await major.say({ messages: [user("charge A1")], steps, tools: charge });
      expect(desk.charged()).toHaveLength(effects);
      if (guarded) expect(told.map(({ value }) => value)).toEqual([{ receipt: "r1" }, { receipt: "r1" }]);
    });

    it(`a new run of the same request, with other prose and other call ids: ${effects} of 2`, async () => {
      const desk = newDesk();
      const charge = tools(major, desk, guarded, async (order) => desk.charge(order));
      for (const [id, note] of [
        ["c1", "as asked"],
        ["c9", "as the customer wished"],
      ] as const) {
        const steps = [[call("charge", { ...A1, note }, id)], "done"];
        const { told } = await major.say({ messages: [user("charge A1")], steps, tools: charge });
        if (guarded) expect(told).toEqual([{ type: "json", value: { receipt: "r1" } }]);
      }
      expect(desk.charged()).toHaveLength(effects);
    });

    it(`two equal calls in one answer, where one was meant: ${effects} of 2`, async () => {
      const desk = newDesk();
      const charge = tools(major, desk, guarded, async (order) => desk.charge(order));
      const steps = [[call("charge", A1, "c1"), call("charge", A1, "c2")], "done"];
      await major.say({ messages: [user("charge A1")], steps, tools: charge });
      expect(desk.charged()).toHaveLength(effects);
    });

    it("two equal calls in one answer, where two were meant: 2 of 2", async () => {
      const desk = newDesk();
      const charge = tools(major, desk, guarded, async (order) => desk.charge(order), {
        rule: BY_CALL,
        context: { scope: "chat-1" },
      });
      const steps = [[call("charge", A1, "c1"), call("charge", A1, "c2")], "done"];
      await major.say({ messages: [user("charge A1 twice")], steps, tools: charge });
      expect(desk.charged()).toHaveLength(2);
    });

    it(`a user who stops the answer mid-effect, and asks again: ${effects} of 2`, async () => {
      const desk = newDesk();
      const effect = Promise.withResolvers<void>();
      const stop = new AbortController();
      const charge = tools(major, desk, guarded, async (order, { abortSignal }) => {
        const answer = desk.charge(order);
        if (desk.charged().length > 1) return answer;
        stop.abort();
        // As `fetch` does: the desk's answer comes, unless the signal is faster.
        await Promise.race([
          effect.promise,
          abortSignal && (abortSignal.aborted ? Promise.resolve() : once(abortSignal, "abort")),
        ]);
        abortSignal?.throwIfAborted();
        return answer;
      });
      const first = major.say({
        messages: [user("charge A1")],
        steps: [[call("charge", A1, "c1")], "done"],
        tools: charge,
        more: { abortSignal: stop.signal },
      });
      await first.catch(() => undefined);
      effect.resolve();
      const steps = [[call("charge", A1, "c2")], "done"];
      const { told } = await major.say({ messages: [user("charge A1")], steps, tools: charge });
      expect(desk.charged()).toHaveLength(effects);
      if (guarded) expect(told).toEqual([{ type: "json", value: { receipt: "r1" } }]);
    });
  });
});

describe("a timeout of the SDK's own (ai 7)", () => {
  it.each([
    { guarded: false, effects: 2 },
    { guarded: true, effects: 1 },
  ])("guarded: $guarded, and the model's retry: $effects of 2", async ({ guarded, effects }) => {
    const desk = newDesk();
    const effect = Promise.withResolvers<void>();
    const charge = tools(ai_7, desk, guarded, async (order, { abortSignal }) => {
      const answer = desk.charge(order);
      if (desk.charged().length > 1) return answer;
      const aborted = abortSignal && once(abortSignal, "abort").then(() => abortSignal.throwIfAborted());
      await Promise.race([effect.promise, aborted]);
      return answer;
    });
    const turn = { tools: charge, more: { timeout: { toolMs: 50 } } };
    const steps = [[call("charge", A1, "c1")], "it took too long"];
    const first = await ai_7.say({ ...turn, messages: [user("charge A1")], steps });
    if (guarded) {
      expect(first.told).toEqual([{ type: "json", value: expect.objectContaining({ status: "in_progress" }) }]);
      expect(first.told[0]?.value).toMatchObject({ message: expect.stringContaining("continues without you") });
    }
    effect.resolve();
    await ai_7.say({ ...turn, messages: [user("charge A1")], steps: [[call("charge", A1, "c2")], "done"] });
    expect(desk.charged()).toHaveLength(effects);
  });
});

describe("identity", () => {
  it("call ids name a call inside one chat, and nothing across chats", async () => {
    const desk = newDesk();
    const guard = guardOf(desk);
    const { tool } = ai_7.ai;
    const charge = tool({ inputSchema: ORDER, execute: async (order) => desk.charge(order) });
    const chat = (scope: string) => guardTools(guard, { charge }, { charge: BY_CALL }, { context: { scope } });
    const turn = { messages: [user("charge")], steps: [[call("charge", A1, "call_0")], "done"] };
    for (const scope of ["chat-1", "chat-1", "chat-2"]) await ai_7.say({ ...turn, tools: chat(scope) });
    expect(desk.charged()).toHaveLength(2);
    const receipts = await guard.receipts();
    expect(receipts.map(({ keySource, hostScope, hostCallId }) => [keySource, hostScope, hostCallId]).sort()).toEqual([
      ["host_call", "chat-1", "call_0"],
      ["host_call", "chat-2", "call_0"],
    ]);
  });

  it("comes from the tool's own context, where the program says so; run and actor are kept", async () => {
    const desk = newDesk();
    const guard = guardOf(desk);
    const charge = ai_7.ai.tool({
      inputSchema: ORDER,
      contextSchema: z.object({ chat: z.string(), user: z.string() }),
      execute: async (order, { context }) => ({
        ...desk.charge(order),
        by: context.user,
        key: effectContext().idempotencyKey,
      }),
    });
    const tools = guardTools(
      guard,
      { charge },
      { charge: BY_CALL },
      { context: ({ context, toolName }) => ({ scope: context.chat, actor: context.user, runId: `${toolName}-run` }) },
    );
    const more = { toolsContext: { charge: { chat: "chat-7", user: "kim" } } };
    const { told } = await ai_7.say({
      messages: [user("charge")],
      steps: [[call("charge", A1, "c1")], "done"],
      tools,
      more,
    });
    expect(told).toEqual([
      { type: "json", value: { receipt: "r1", by: "kim", key: expect.stringMatching(/^.{1,36}$/) } },
    ]);
    expect(await guard.receipts()).toEqual([
      expect.objectContaining({ hostScope: "chat-7", hostCallId: "c1", actor: "kim", runId: "charge-run" }),
    ]);
  });

  it("comes from the context of the run in AI SDK 6", async () => {
    const desk = newDesk();
    const guard = guardOf(desk);
    const charge = ai_6.ai.tool({ inputSchema: ORDER, execute: async (order) => desk.charge(order) });
    const context = ({ context }: { context: { chat: string } }) => ({ scope: context.chat });
    const tools = guardTools(guard, { charge }, { charge: BY_CALL }, { context });
    const more = { experimental_context: { chat: "chat-7" } };
    for (let n = 0; n < 2; n++) {
      await ai_6.say({ messages: [user("charge")], steps: [[call("charge", A1, "c1")], "done"], tools, more });
    }
    expect(await guard.receipts()).toEqual([expect.objectContaining({ hostScope: "chat-7", hostCallId: "c1" })]);
    expect(desk.charged()).toHaveLength(1);
  });
});
