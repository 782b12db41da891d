import { AIMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import {
  Annotation,
  Command,
  END,
  type LangGraphRunnableConfig,
  MemorySaver,
  MessagesAnnotation,
  START,
  StateGraph,
} from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import type { ToolRule } from "../../../src/adapters/guarded-tool.ts";
import {
  guardNode,
  guardTool,
  isNotDone,
  type LangChainCall,
  type LangChainOptions,
  mayRetry,
} from "../../../src/adapters/langchain/index.ts";
import type { ModelAnswer } from "../../../src/adapters/model-answer.ts";
import { OnceguardError } from "../../../src/core/errors.ts";
import type { PolicyRule } from "../../../src/core/policy.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import type { Guard } from "../../../src/pipeline/guard.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { flakyWorldClient } from "../../support/flaky-world-client.ts";
import { type Refund, refundCall, refundTool, type ToolCall, told } from "./desk.ts";

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
const newOrder = (): string => `langgraph-${++last}`;
const thread = () => ({ configurable: { thread_id: `thread-${++last}` } });

interface Question {
  readonly status: string;
  readonly request_id: string;
  readonly input: { readonly order: string };
}
const questionsOf = (state: unknown): Question[] =>
  ((state as { __interrupt__?: { value: Question }[] }).__interrupt__ ?? []).map(({ value }) => value);

describe("ToolNode of LangGraph, with all its defaults", () => {
  interface Story {
    readonly guard?: Guard;
    readonly options?: LangChainOptions<LangChainCall>;
  }
  /** A graph that is its tools: the turns of the model come in as messages. */
  function toolsOf({ guard, options }: Story) {
    const refund = refundTool(world.port);
    const tools = [guard ? guardTool(guard, refund, BY_ORDER, options) : refund];
    return new StateGraph(MessagesAnnotation)
      .addNode("tools", new ToolNode(tools))
      .addEdge(START, "tools")
      .addEdge("tools", END)
      .compile({ checkpointer: new MemorySaver() });
  }
  const turn = (...calls: ToolCall[]) => ({
    messages: [
      new AIMessage({ content: "", tool_calls: calls.map((call) => ({ ...call, type: "tool_call" as const })) }),
    ],
  });

  it('a lost reply is told as a doubt, and not as "please fix your mistakes"', async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      await world.plan(order, "lose_reply");
      const graph = toolsOf(guard ? { guard, options: { interrupts: false } } : {});
      const config = thread();
      await graph.invoke(turn(refundCall(order, "call_1")), config);
      const { messages } = await graph.invoke(turn(refundCall(order, "call_2")), config);
      return { effects: world.effects(order).length, told: told(messages) };
    };
    expect(await story()).toMatchObject({ effects: 2, told: [expect.stringContaining("fix your mistakes"), {}] });
    const guarded = await story(newGuard());
    expect(guarded).toMatchObject({ effects: 1, told: [{ status: "in_doubt" }, {}] });
    expect(isNotDone(guarded.told[1])).toBe(true);
  });

  it("is run again from its top when it is resumed: what was done in it before is not done again", async () => {
    // One call needs a person, its neighbour in the same node does not.
    const rules: PolicyRule[] = [{ action: "refund", amountOver: 900, verdict: "review", reason: "too much" }];
    const guard = newGuard(rules);
    const [small, large] = [newOrder(), newOrder()];
    const rule = { ...BY_ORDER, amount: ({ cents }: Refund) => cents };
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("tools", new ToolNode([guardTool(guard, refundTool(world.port), rule)]))
      .addEdge(START, "tools")
      .addEdge("tools", END)
      .compile({ checkpointer: new MemorySaver() });
    const config = thread();
    const much = { ...refundCall(large, "call_2"), args: { order: large, cents: 1_000 } };
    const [question] = questionsOf(await graph.invoke(turn(refundCall(small, "call_1"), much), config));
    await expect.poll(() => world.effects(small), { timeout: 20_000 }).toHaveLength(1);
    await guard.approve(question?.request_id ?? "", { actor: "ana", reason: "checked" });
    const { messages } = await graph.invoke(new Command({ resume: "go on" }), config);
    expect(told(messages)).toEqual([{ paid: 500 }, { paid: 1_000 }]);
    expect([small, large].map((order) => world.effects(order).length)).toEqual([1, 1]);
  });

  it("asks for two requests of one node one after the other, and takes no answer for the wrong one", async () => {
    const guard = newGuard(REVIEWED);
    const orders = [newOrder(), newOrder()];
    const graph = toolsOf({ guard, options: { approver: "ana" } });
    const config = thread();
    let state: unknown = await graph.invoke(
      turn(...orders.map((order, at) => refundCall(order, `call_${at}`))),
      config,
    );
    for (let asked = 0; asked < 8; asked++) {
      const [question] = questionsOf(state);
      if (question === undefined) break;
      state = await graph.invoke(new Command({ resume: { request_id: question.request_id, approve: true } }), config);
      const receipts = await guard.receipts({ states: ["held"] });
      expect(receipts.length, "each answer decides one request").toBeLessThanOrEqual(2);
    }
    expect(questionsOf(state)).toEqual([]);
    expect(orders.map((order) => world.effects(order).length)).toEqual([1, 1]);
  });

  it("does not pause in the middle of another guarded tool: that would look like an effect that broke off", async () => {
    const guard = newGuard(REVIEWED);
    const order = newOrder();
    const inner = guardTool(guard, refundTool(world.port), BY_ORDER);
    const outer = guardTool(
      guard,
      tool(async ({ order }, config) => inner.invoke({ order, cents: 500 }, config), {
        name: "close_case",
        description: "",
        schema: z.object({ order: z.string() }),
      }),
      { keyFields: ["order"] },
    );
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("tools", new ToolNode([outer]))
      .addEdge(START, "tools")
      .addEdge("tools", END)
      .compile({ checkpointer: new MemorySaver() });
    const { messages } = await graph.invoke(turn({ name: "close_case", args: { order }, id: "c1" }), thread());
    expect(told(messages)).toEqual([expect.objectContaining({ status: "held" })]);
  });

  it("tells the model where there is no checkpointer, and so no way to pause", async () => {
    const guard = newGuard(REVIEWED);
    const order = newOrder();
    const node = new ToolNode([guardTool(guard, refundTool(world.port), BY_ORDER)]);
    const { messages } = (await node.invoke(turn(refundCall(order, "call_1")))) as ReturnType<typeof turn>;
    expect(told(messages)).toEqual([expect.objectContaining({ status: "held" })]);
  });
});

describe("a node", () => {
  const State = Annotation.Root({ order: Annotation<string>, paid: Annotation<ModelAnswer<{ cents: number }>> });
  type State = typeof State.State;

  const pay = async ({ order }: { order: string }) => {
    const { amount } = await flakyWorldClient(world.port).send(order, 500);
    return { cents: amount };
  };

  function graphOf(node: (state: State, config: LangGraphRunnableConfig) => Promise<Partial<State>>, timeout?: number) {
    return new StateGraph(State)
      .addNode("pay", node, {
        ...(timeout !== undefined && { timeout }),
        retryPolicy: { maxAttempts: 3, initialInterval: 1, jitter: false, retryOn: mayRetry, logWarning: false },
      })
      .addEdge(START, "pay")
      .addEdge("pay", END)
      .compile({ checkpointer: new MemorySaver() });
  }
  const unguarded = (timeout?: number) => graphOf(async ({ order }) => ({ paid: await pay({ order }) }), timeout);
  const guarded = (
    guard: Guard,
    rule: ToolRule<{ order: string }, { cents: number }> = { keyFields: ["order"] },
    timeout?: number,
  ) =>
    graphOf(
      guardNode(
        guard,
        {
          name: "refund",
          input: ({ order }: State) => ({ order }),
          execute: pay,
          update: (paid) => {
            expectTypeOf(paid).toEqualTypeOf<ModelAnswer<{ cents: number }>>();
            return { paid };
          },
        },
        rule,
      ),
      timeout,
    );

  it("that times out and is run again: the effect goes on, and the next run of the node is told of it", async () => {
    const [plain, order] = [newOrder(), newOrder()];
    for (const each of [plain, order]) await world.plan(each, "hold_reply");
    await unguarded(200)
      .invoke({ order: plain }, thread())
      .catch(() => undefined);
    expect(world.effects(plain).length).toBeGreaterThan(1);
    await world.release(plain);

    const graph = guarded(newGuard(), { keyFields: ["order"] }, 200);
    const config = thread();
    await expect(graph.invoke({ order }, config)).rejects.toThrow();
    await world.holding(order);
    await world.release(order);
    const paid = async () => (await graph.invoke(null, config).catch(() => null))?.paid;
    await expect.poll(paid, { timeout: 20_000 }).toEqual({ cents: 500 });
    expect(world.effects(order)).toHaveLength(1);
  });

  it("with a retry policy: a lost reply is a doubt that a person settles, and the graph goes on", async () => {
    const [plain, order] = [newOrder(), newOrder()];
    for (const each of [plain, order]) await world.plan(each, "lose_reply");
    await unguarded().invoke({ order: plain }, thread());
    expect(world.effects(plain)).toHaveLength(2);

    const guard = newGuard();
    const graph = guarded(guard);
    const config = thread();
    const [question] = questionsOf(await graph.invoke({ order }, config));
    expect(question).toMatchObject({ status: "in_doubt", input: { order } });
    await guard.reconcile();
    const decision = { decision: "happened", actor: "ana", reason: "seen", result: { cents: 500 } } as const;
    await guard.resolve(question?.request_id ?? "", decision);
    const { paid } = await graph.invoke(new Command({ resume: "go on" }), config);
    expect([paid, world.effects(order).length]).toEqual([{ cents: 500 }, 1]);
  });

  it("replayed from an earlier checkpoint: LangGraph makes a fork of it, and only a key says that it means the same", async () => {
    const story = async (graph: ReturnType<typeof graphOf>) => {
      const order = newOrder();
      const config = thread();
      await graph.invoke({ order }, config);
      const before = [];
      for await (const state of graph.getStateHistory(config)) if (state.next.includes("pay")) before.push(state);
      await graph.invoke(null, before[0]?.config as typeof config);
      return world.effects(order).length;
    };
    expect(await story(unguarded())).toBe(2);
    expect(await story(guarded(newGuard(), { riskTier: "side_effecting" }))).toBe(2);
    expect(await story(guarded(newGuard()))).toBe(1);
  });

  it("without a key is named by its task: the same when it is resumed, another when the graph comes by again", async () => {
    const guard = newGuard(REVIEWED);
    const order = newOrder();
    const graph = guarded(guard, { riskTier: "side_effecting" });
    const config = thread();
    for (let time = 1; time <= 2; time++) {
      const [question] = questionsOf(await graph.invoke({ order }, config));
      await guard.approve(question?.request_id ?? "", { actor: "ana", reason: "checked" });
      await graph.invoke(new Command({ resume: "go on" }), config);
      expect(world.effects(order)).toHaveLength(time);
    }
    expect((await guard.receipts()).map(({ keySource, state }) => [keySource, state])).toEqual([
      ["host_call", "succeeded"],
      ["host_call", "succeeded"],
    ]);
  });
});

it("mayRetry: what is no failure, and what is the program's mistake, is not tried again", async () => {
  const { GraphInterrupt } = await import("@langchain/langgraph");
  const misuse = new OnceguardError("missing_identity", "");
  expect([new GraphInterrupt([]), misuse, new Error("", { cause: misuse })].map(mayRetry)).toEqual([
    false,
    false,
    false,
  ]);
  expect(mayRetry(new Error("reset"))).toBe(true);
});
