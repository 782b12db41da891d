import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tool } from "@langchain/core/tools";
import { Command, MemorySaver } from "@langchain/langgraph";
import { type AgentMiddleware, createAgent, humanInTheLoopMiddleware, toolRetryMiddleware } from "langchain";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { ToolRule } from "../../../src/adapters/guarded-tool.ts";
import { guardMiddleware, type LangChainCall, type LangChainOptions } from "../../../src/adapters/langchain/index.ts";
import type { PolicyRule } from "../../../src/core/policy.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import type { Guard } from "../../../src/pipeline/guard.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { finished, killedMidEffect } from "../killed-mid-effect.ts";
import { type Refund, refundCall, refundTool, scripted, type ToolCall, told } from "./desk.ts";

// The major before is not installed: createAgent and its middleware came with LangChain 1.

let world: FlakyWorld;
beforeAll(async () => {
  world = await startFlakyWorld();
});
afterAll(() => world.stop());

const guards: Guard[] = [];
afterEach(async () => {
  for (const guard of guards.splice(0)) await guard.close();
});

function newGuard(rules: readonly PolicyRule[] = []): Guard {
  const guard = createGuard({ store: memoryStore(), sweepEvery: false, grace: 0, rules });
  guards.push(guard);
  return guard;
}

const BY_ORDER: ToolRule<Refund, { paid: number }> = { keyFields: ["order", "cents"], volatile: ["note"] };
const REVIEWED: PolicyRule[] = [{ action: "refund", verdict: "review", reason: "refunds need a person" }];

let last = 0;
const newOrder = (): string => `langchain-${++last}`;

interface Story {
  readonly guard?: Guard;
  readonly rule?: ToolRule<Refund, { paid: number }>;
  readonly options?: LangChainOptions<LangChainCall>;
}

// Its types do not fit createAgent's under exactOptionalPropertyTypes.
const retrying = toolRetryMiddleware({ maxRetries: 2, initialDelayMs: 1, jitter: false }) as unknown as AgentMiddleware;

/** An agent with a checkpointer and LangChain's own retries, and with the guard, or without. */
function agentOf({ guard, rule = BY_ORDER, options }: Story, ...script: (readonly ToolCall[])[]) {
  return createAgent({
    model: scripted(...script),
    tools: [refundTool(world.port)],
    checkpointer: new MemorySaver(),
    middleware: guard ? [guardMiddleware(guard, { refund: rule }, options), retrying] : [retrying],
  });
}

const thread = (thread_id = `thread-${++last}`) => ({ configurable: { thread_id } });
const ask = { messages: [{ role: "user", content: "refund it" }] };

describe("LangChain's agent", () => {
  it("toolRetryMiddleware: a lost reply is a doubt, and no reason to send again", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      await world.plan(order, "lose_reply", "lose_reply", "lose_reply");
      const agent = agentOf(guard ? { guard, options: { interrupts: false } } : {}, [refundCall(order, "call_1")]);
      const { messages } = await agent.invoke(ask, thread());
      return { effects: world.effects(order).length, told: told(messages) };
    };
    expect(await story()).toMatchObject({ effects: 3, told: [expect.stringContaining("failed after 3 attempts")] });
    expect(await story(newGuard())).toMatchObject({ effects: 1, told: [{ status: "in_doubt" }] });
  });

  it("re-plans: another call id and other prose are the same intent", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      const again = [refundCall(order, "call_2", "the customer asked for it")];
      const agent = agentOf(guard ? { guard } : {}, [refundCall(order, "call_1", "as asked")], again);
      const { messages } = await agent.invoke(ask, thread());
      return { effects: world.effects(order).length, told: told(messages) };
    };
    expect(await story()).toEqual({ effects: 2, told: [{ paid: 500 }, { paid: 500 }] });
    expect(await story(newGuard())).toEqual({ effects: 1, told: [{ paid: 500 }, { paid: 500 }] });
  });

  it("two identical calls in one turn: one intent by its key, two by their ids", async () => {
    const turn = (order: string) => [refundCall(order, "call_1"), refundCall(order, "call_2")];
    const orders = [newOrder(), newOrder(), newOrder()] as const;
    await agentOf({}, turn(orders[0])).invoke(ask, thread());
    await agentOf({ guard: newGuard() }, turn(orders[1])).invoke(ask, thread());
    const guard = newGuard();
    await agentOf({ guard, rule: { riskTier: "side_effecting" } }, turn(orders[2])).invoke(ask, thread("t-7"));
    expect(orders.map((order) => world.effects(order).length)).toEqual([2, 1, 2]);
    const receipts = await guard.receipts();
    expect(receipts.map(({ keySource, hostScope, hostCallId }) => [keySource, hostScope, hostCallId]).sort()).toEqual([
      ["host_call", "t-7", "call_1"],
      ["host_call", "t-7", "call_2"],
    ]);
  });

  it("a thread replayed from an earlier checkpoint, and so resumed twice, does its work once", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      const agent = agentOf(guard ? { guard, rule: { riskTier: "side_effecting" } } : {}, [
        refundCall(order, "call_1"),
      ]);
      const config = thread();
      await agent.invoke(ask, config);
      const before = [];
      for await (const state of agent.graph.getStateHistory(config))
        if (state.next.includes("tools")) before.push(state);
      await agent.graph.invoke(null, before[0]?.config as typeof config);
      return world.effects(order).length;
    };
    expect([await story(), await story(newGuard())]).toEqual([2, 1]);
  });

  it("a run that is aborted is detached from its effect, which is recorded, and goes on from there", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      await world.plan(order, "hold_reply");
      const agent = agentOf(guard ? { guard } : {}, [refundCall(order, "call_1")]);
      const config = thread();
      const aborting = new AbortController(); // what LangChain makes of a `timeout`, too
      const gone = expect(agent.invoke(ask, { ...config, signal: aborting.signal })).rejects.toThrow();
      await world.holding(order);
      aborting.abort();
      await gone;
      const resumed = agent.graph.invoke(null, config);
      await world.release(order);
      const { messages } = await resumed;
      return { effects: world.effects(order).length, told: told(messages) };
    };
    expect((await story()).effects).toBeGreaterThan(1);
    expect(await story(newGuard())).toEqual({ effects: 1, told: [{ paid: 500 }] });
  });

  it("leaves a safe tool alone, and tells of one that there is not", async () => {
    const order = newOrder();
    const agent = createAgent({
      model: scripted([
        refundCall(order, "c1"),
        { name: "search", args: {}, id: "c2" },
        { name: "guess", args: {}, id: "c3" },
      ]),
      tools: [
        refundTool(world.port),
        tool(
          () => {
            throw new Error("no index");
          },
          { name: "search", description: "", schema: z.object({}) },
        ),
      ],
      middleware: [guardMiddleware(newGuard(), { refund: BY_ORDER, search: "safe" }), retrying],
    });
    const { messages } = await agent.invoke(ask);
    expect(told(messages)).toEqual([
      { paid: 500 },
      expect.stringContaining("'search' failed after 3 attempts"),
      "Error: guess is not a valid tool.",
    ]);
  });

  it("fails the run where nothing names the intent, and for a tool without a rule", async () => {
    const order = newOrder();
    const nameless = createAgent({
      model: scripted([refundCall(order, "call_1")]),
      tools: [refundTool(world.port)],
      middleware: [guardMiddleware(newGuard(), { refund: { riskTier: "side_effecting" } })],
    });
    await expect(nameless.invoke(ask)).rejects.toMatchObject({ cause: { code: "missing_identity" } });
    const model = scripted([refundCall(order, "call_1")]);
    const without = createAgent({
      model,
      tools: [refundTool(world.port)],
      middleware: [guardMiddleware(newGuard(), {})],
    });
    await expect(without.invoke(ask)).rejects.toMatchObject({ cause: { code: "invalid_option" } });
    expect(model.callCount, "before a model hears of the tool").toBe(0);
    expect(world.effects(order)).toEqual([]);
  });
});

describe("a person", () => {
  const paused = async (story: Story) => {
    const order = newOrder();
    const agent = agentOf(story, [refundCall(order, "call_1")]);
    const config = thread();
    const { __interrupt__ } = (await agent.invoke(ask, config)) as { __interrupt__?: { value: Question }[] };
    const question = __interrupt__?.[0]?.value as Question;
    const resume = async (answer: unknown) => {
      const { messages } = await agent.invoke(new Command({ resume: answer }), config);
      return told(messages);
    };
    return { order, question, resume };
  };
  interface Question {
    readonly status: string;
    readonly request_id: string;
  }

  it("approves in the guard: the graph waits as long as that takes, and then goes on", async () => {
    const guard = newGuard(REVIEWED);
    const { order, question, resume } = await paused({ guard });
    expect(question).toMatchObject({ action: "refund", status: "held", reasons: ["refunds need a person"] });
    expect(await resume("too early")).toEqual([]);
    expect(await resume({ request_id: question.request_id, approve: true }), "nobody's approval").toEqual([]);
    await guard.approve(question.request_id, { actor: "ana", reason: "checked" });
    expect(await resume("now")).toEqual([{ paid: 500 }]);
    expect(world.effects(order)).toHaveLength(1);
  });

  it("approves or denies in the graph, where the program says who that is, and just this request", async () => {
    const options = { approver: "ana" };
    const yes = await paused({ guard: newGuard(REVIEWED), options });
    expect(await yes.resume({ request_id: "another", approve: true })).toEqual([]);
    expect(await yes.resume({ request_id: yes.question.request_id, approve: true })).toEqual([{ paid: 500 }]);
    expect(world.effects(yes.order)).toHaveLength(1);
    const no = await paused({ guard: newGuard(REVIEWED), options });
    const denied = await no.resume({ request_id: no.question.request_id, approve: false, reason: "too much" });
    expect(denied).toEqual([expect.objectContaining({ status: "denied" })]);
    expect(world.effects(no.order)).toEqual([]);
  });

  it("is asked for all calls of a turn at once, and may answer them differently", async () => {
    const guard = newGuard(REVIEWED);
    const orders = [newOrder(), newOrder()] as const;
    const calls = orders.map((order, at) => refundCall(order, `call_${at}`));
    const agent = agentOf({ guard, options: { approver: "ana" } }, calls);
    const config = thread();
    interface Interrupt {
      readonly id: string;
      readonly value: Question & { readonly input: { readonly order: string } };
    }
    const { __interrupt__ } = (await agent.invoke(ask, config)) as unknown as { __interrupt__: Interrupt[] };
    const answers = __interrupt__.map(({ id, value: { request_id, input } }) => [
      id,
      { request_id, approve: input.order === orders[0] },
    ]);
    const { messages } = await agent.invoke(new Command({ resume: Object.fromEntries(answers) }), config);
    expect(told(messages)).toEqual([{ paid: 500 }, expect.objectContaining({ status: "denied" })]);
    expect(orders.map((order) => world.effects(order).length)).toEqual([1, 0]);
  });

  it("settles a doubt: the graph waits, and the model hears only what became of it", async () => {
    const guard = newGuard();
    const order = newOrder();
    await world.plan(order, "lose_reply");
    const agent = agentOf({ guard }, [refundCall(order, "call_1")]);
    const config = thread();
    const first = (await agent.invoke(ask, config)) as unknown as { __interrupt__: { value: Question }[] };
    const question = first.__interrupt__[0]?.value as Question;
    expect(question).toMatchObject({ status: "in_doubt" });
    await guard.reconcile();
    await guard.resolve(question.request_id, {
      decision: "happened",
      actor: "ana",
      reason: "it is on the statement",
      result: { paid: 500 },
    });
    const { messages } = await agent.invoke(new Command({ resume: "decided" }), config);
    expect(told(messages)).toEqual([{ paid: 500 }]);
    expect(world.effects(order)).toHaveLength(1);
  });

  it("says yes to LangChain's own humanInTheLoopMiddleware, and is heard twice: paid once", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      const asking = humanInTheLoopMiddleware({ interruptOn: { refund: true } } as never) as unknown as AgentMiddleware;
      const agent = createAgent({
        model: scripted([refundCall(order, "call_1")]),
        tools: [refundTool(world.port)],
        checkpointer: new MemorySaver(),
        middleware: guard ? [guardMiddleware(guard, { refund: BY_ORDER }), asking] : [asking],
      });
      const config = thread();
      await agent.invoke(ask, config);
      const { config: asked } = await agent.graph.getState(config);
      for (let time = 0; time < 2; time++) {
        await agent.graph.invoke(new Command({ resume: { decisions: [{ type: "approve" }] } }), asked as typeof config);
      }
      return world.effects(order).length;
    };
    expect([await story(), await story(newGuard())]).toEqual([2, 1]);
  });

  it("is asked only by a guard that is first: LangChain's retries take an interrupt for a failure", async () => {
    const inside = createAgent({
      model: scripted([refundCall(newOrder(), "call_1")]),
      tools: [refundTool(world.port)],
      checkpointer: new MemorySaver(),
      middleware: [retrying, guardMiddleware(newGuard(REVIEWED), { refund: BY_ORDER })],
    });
    const { messages } = await inside.invoke(ask, thread());
    expect(told(messages)).toEqual([expect.stringContaining("failed after 3 attempts with GraphInterrupt")]);
  });
});

describe("a process killed in the middle of a refund, and its thread resumed from a durable checkpoint", () => {
  const program = new URL("./agent-process.ts", import.meta.url);
  const folder = mkdtempSync(join(tmpdir(), "onceguard-langchain-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ["unguarded", 2],
    ["guarded", 1],
  ])("%s: %i", async (way, effects) => {
    const order = newOrder();
    const args = [way, String(world.port), join(folder, order), order];
    await killedMidEffect(world, order, program, args);
    const said = await finished(program, args);
    expect(world.effects(order)).toHaveLength(effects);
    if (way === "guarded") expect(said).toMatchObject({ interrupt: { status: "in_doubt", action: "refund" } });
  });
});
