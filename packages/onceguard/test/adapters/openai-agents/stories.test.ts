import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as sdk20 from "@openai/agents";
import * as sdk19 from "openai-agents-0-19";
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import type { ToolRule } from "../../../src/adapters/guarded-tool.ts";
import {
  effectContext,
  type GuardToolOptions,
  guardTool,
  guardTools,
} from "../../../src/adapters/openai-agents/index.ts";
import type { PolicyRule } from "../../../src/core/policy.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import type { Guard } from "../../../src/pipeline/guard.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { flakyWorldClient } from "../../support/flaky-world-client.ts";
import { finished, killedMidEffect } from "../killed-mid-effect.ts";
import { call, done, fakeModel, type Turn } from "./fake-model.ts";

let world: FlakyWorld;
beforeAll(async () => {
  world = await startFlakyWorld();
  sdk20.setTracingDisabled(true);
  sdk19.setTracingDisabled(true);
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

const Refund = z.object({ order: z.string(), cents: z.number(), note: z.string().default("") });
type Refund = z.infer<typeof Refund>;

const BY_ORDER: ToolRule<Refund, { paid: number }> = { keyFields: ["order", "cents"], volatile: ["note"] };
const REVIEWED: PolicyRule[] = [{ action: "refund", verdict: "review", reason: "refunds need a person" }];

let last = 0;
const newOrder = (): string => `openai-${++last}`;

describe.each([
  ["0.20", sdk20],
  ["0.19", sdk19 as unknown as typeof sdk20],
])("@openai/agents %s", (_version, { Agent, Runner, RunState, tool }) => {
  const refundTool = {
    name: "refund",
    description: "Pays an order back",
    parameters: Refund,
    execute: async ({ order, cents }: Refund, _context?: unknown, details?: { readonly signal?: AbortSignal }) => {
      const sending = details?.signal ? { signal: details.signal } : {};
      const { amount } = await flakyWorldClient(world.port).send(order, cents, sending);
      return { paid: amount };
    },
  };

  interface Story {
    readonly guard?: Guard;
    readonly rule?: ToolRule<Refund, { paid: number }>;
    readonly options?: GuardToolOptions;
    readonly own?: Partial<Parameters<typeof guardTool<typeof Refund, unknown, { paid: number }>>[1]>;
  }

  /** An agent with the tool as it is, or guarded. */
  function agentOf({ guard, rule = BY_ORDER, options, own }: Story, ...script: Turn[]) {
    const model = fakeModel(...script);
    const plain = { ...refundTool, ...own };
    const given = guard ? guardTool(guard, plain, rule, options) : plain;
    const agent = new Agent({ name: "desk", model, tools: [tool(given as never)] });
    return { agent, model };
  }

  const run = (agent: unknown, input: unknown = "refund it") =>
    new Runner().run(agent as sdk20.Agent<unknown, sdk20.AgentOutputType>, input as string);

  it("re-plans: another call id and other prose are the same intent", async () => {
    const script = (order: string): Turn[] => [
      [call("refund", { order, cents: 500, note: "as asked" }, "call_1")],
      [call("refund", { order, cents: 500, note: "the customer asked for it" }, "call_2")],
    ];
    const [unguarded, guarded] = [newOrder(), newOrder()];
    await run(agentOf({}, ...script(unguarded)).agent);
    const { agent, model } = agentOf({ guard: newGuard() }, ...script(guarded));
    await run(agent);
    expect([unguarded, guarded].map((order) => world.effects(order).length)).toEqual([2, 1]);
    expect(model.told).toEqual([{ paid: 500 }, { paid: 500 }]);
  });

  it("a lost reply: the model is told the truth, and its retry does nothing", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      await world.plan(order, "lose_reply");
      const again = [call("refund", { order, cents: 500 }, "call_2")];
      const { agent, model } = agentOf(
        guard ? { guard } : {},
        [call("refund", { order, cents: 500 }, "call_1")],
        again,
      );
      await run(agent);
      return { effects: world.effects(order).length, told: model.told };
    };
    const unguarded = await story();
    expect(unguarded.effects).toBe(2);
    expect(unguarded.told[0]).toMatch(/Please try again/);
    const guarded = await story(newGuard());
    expect(guarded.effects).toBe(1);
    expect(guarded.told).toEqual([
      expect.objectContaining({ status: "in_doubt", message: expect.stringContaining("nobody knows yet") }),
      expect.objectContaining({ status: expect.stringMatching(/in_doubt|review/) }),
    ]);
  });

  it("a tool timeout: the wait ends and the effect does not, so that it is a doubt and no failure", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      await world.plan(order, "hold_request");
      const again = [call("refund", { order, cents: 500 }, "call_2")];
      const { agent, model } = agentOf(
        { ...(guard && { guard }), own: { timeoutMs: 100, execute: (input) => refundTool.execute(input) } },
        [call("refund", { order, cents: 500 }, "call_1")],
        again,
      );
      await run(agent);
      await world.release(order);
      await expect.poll(() => world.effects(order).length, { timeout: 20_000 }).toBe(guard ? 1 : 2);
      return model.told;
    };
    expect((await story())[0]).toMatch(/timed out/);
    expect((await story(newGuard()))[0]).toMatchObject({ status: "in_doubt" });
  });

  it("a run's state resumed twice: approved once, paid once", async () => {
    const story = async (story: Story) => {
      const order = newOrder();
      const { agent } = agentOf(story, [call("refund", { order, cents: 500 }, "call_1")]);
      const paused = await run(agent);
      expect(paused.interruptions).toHaveLength(1);
      const kept = paused.state.toString();
      for (let time = 0; time < 2; time++) {
        const state = await RunState.fromString(agent as never, kept);
        state.approve(state.getInterruptions()[0] as never);
        await run(agent, state);
      }
      return world.effects(order).length;
    };
    expect(await story({ own: { needsApproval: true } })).toBe(2);
    const options: GuardToolOptions = { approver: () => "ana" };
    expect(await story({ guard: newGuard(REVIEWED), options })).toBe(1);
    // The SDK's own approval asked for, and nothing of the guard's: the receipt decides all the same.
    expect(await story({ guard: newGuard(), own: { needsApproval: true } })).toBe(1);
  });

  it("a held request interrupts the run; what was approved in the guard goes on", async () => {
    const guard = newGuard(REVIEWED);
    const order = newOrder();
    const { agent, model } = agentOf({ guard }, [call("refund", { order, cents: 500 }, "call_1")]);
    const paused = await run(agent);
    expect(paused.interruptions.map(({ name }) => name)).toEqual(["refund"]);
    const [held] = await guard.receipts({ states: ["held"] });
    expect(world.effects(order)).toEqual([]);
    await guard.approve(held?.requestId ?? "", { actor: "ana", reason: "checked" });
    paused.state.approve(paused.interruptions[0] as never);
    await run(agent, paused.state);
    expect(world.effects(order)).toHaveLength(1);
    expect(model.told).toEqual([{ paid: 500 }]);
  });

  it("does not take the host's yes for the guard's, unless told whose it is", async () => {
    const guard = newGuard(REVIEWED);
    const order = newOrder();
    const { agent, model } = agentOf({ guard }, [call("refund", { order, cents: 500 }, "call_1")]);
    const paused = await run(agent);
    paused.state.approve(paused.interruptions[0] as never);
    await run(agent, paused.state);
    expect(world.effects(order)).toEqual([]);
    expect(model.told).toEqual([expect.objectContaining({ status: "held", reasons: ["refunds need a person"] })]);
  });

  it("approves nothing by itself: not what no person was asked about", async () => {
    let asked = 0;
    const guard = createGuard({
      store: memoryStore(),
      sweepEvery: false,
      grace: 0,
      // What was fine when the run asked needs a person by the time of the call.
      policy: () => (asked++ === 0 ? { verdict: "allow" } : { verdict: "review", reason: "the budget is used up" }),
    });
    guards.push(guard);
    const order = newOrder();
    const options: GuardToolOptions = { approver: "ana" };
    const { agent, model } = agentOf({ guard, options }, [call("refund", { order, cents: 500 }, "call_1")]);
    await run(agent);
    expect(model.told).toEqual([expect.objectContaining({ status: "held" })]);
    expect(world.effects(order)).toEqual([]);
  });

  it("an aborted run is detached from its effect, which is recorded; the next run is told what it was", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      await world.plan(order, "hold_reply");
      const calls = [call("refund", { order, cents: 500 }, "call_1")];
      const aborting = new AbortController();
      const first = agentOf(guard ? { guard } : {}, calls);
      const gone = new Runner().run(first.agent, "refund it", { signal: aborting.signal }).catch(() => undefined);
      await world.holding(order);
      aborting.abort();
      const second = agentOf(guard ? { guard } : {}, calls);
      const next = run(second.agent);
      await world.release(order);
      await Promise.all([gone, next]);
      return { effects: world.effects(order).length, told: second.model.told };
    };
    expect((await story()).effects).toBe(2);
    expect(await story(newGuard())).toEqual({ effects: 1, told: [{ paid: 500 }] });
  });

  it("two identical calls in one turn: one intent by its key, two by their ids", async () => {
    const turn = (order: string): Turn => [
      call("refund", { order, cents: 500 }, "call_1"),
      call("refund", { order, cents: 500 }, "call_2"),
    ];
    const orders = [newOrder(), newOrder(), newOrder()] as const;
    await run(agentOf({}, turn(orders[0])).agent);
    await run(agentOf({ guard: newGuard() }, turn(orders[1])).agent);
    const byCall: Story = { rule: { riskTier: "side_effecting" }, options: { context: { scope: "thread-1" } } };
    await run(agentOf({ guard: newGuard(), ...byCall }, turn(orders[2])).agent);
    expect(orders.map((order) => world.effects(order).length)).toEqual([2, 1, 2]);
  });

  it("fails the run where nothing names the intent of a call: no model can correct that", async () => {
    const order = newOrder();
    const { agent } = agentOf(
      { guard: newGuard(), rule: { riskTier: "side_effecting" }, options: { context: () => ({}) } },
      [call("refund", { order, cents: 500 }, "call_1")],
    );
    await expect(run(agent)).rejects.toThrow(/Nothing names what a call of "refund" is meant to do/);
    expect(world.effects(order)).toEqual([]);
  });

  it("has the model correct what does not fit", async () => {
    const order = newOrder();
    const { agent, model } = agentOf(
      { guard: newGuard() },
      [call("refund", { order, cents: "many" }, "call_1")],
      [call("refund", { order, cents: 500 }, "call_2")],
      done,
    );
    await run(agent);
    expect(model.told).toEqual([expect.stringMatching(/^Nothing was sent/), { paid: 500 }]);
    expect(world.effects(order)).toHaveLength(1);
  });
});

describe("a process killed in the middle of a refund, and its run resumed from the stored state", () => {
  const program = new URL("./run-process.ts", import.meta.url);
  const folder = mkdtempSync(join(tmpdir(), "onceguard-openai-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ["unguarded", 2],
    ["guarded", 1],
  ])("%s: %i", async (way, effects) => {
    const order = newOrder();
    const args = [way, String(world.port), join(folder, order), order];
    await killedMidEffect(world, order, program, args);
    const told = await finished(program, args);
    expect(world.effects(order)).toHaveLength(effects);
    if (way === "guarded") expect(told).toEqual([expect.objectContaining({ status: "in_doubt" })]);
  });
});

describe("rules", () => {
  const refund = { name: "refund", description: "", parameters: Refund, execute: async () => ({ paid: 1 }) } as const;

  it("every tool has one, or the word safe", () => {
    const guard = newGuard();
    const search = { name: "search", description: "", parameters: z.object({}), execute: async () => "" } as const;
    const [a, b] = guardTools(guard, [refund, search], { refund: BY_ORDER, search: "safe" });
    expect(b).toBe(search);
    expect(a).not.toBe(refund);
    expect([sdk20.tool(a), sdk20.tool(b)].map(({ name }) => name)).toEqual(["refund", "search"]);
    // @ts-expect-error a tool that nobody has thought about
    expect(() => guardTools(guard, [refund, search], { refund: BY_ORDER })).toThrow(
      expect.objectContaining({ code: "invalid_option", message: expect.stringContaining("search") }),
    );
  });

  it("must lead to an identity, as far as that is known beforehand", () => {
    const missing = expect.objectContaining({ code: "missing_identity" });
    expect(() => guardTool(newGuard(), refund, {})).toThrow(missing);
    expect(() => guardTool(newGuard(), refund, { riskTier: "side_effecting" })).toThrow(missing);
    guardTool(newGuard(), refund, { riskTier: "side_effecting" }, { context: { scope: "chat-1" } });
  });

  it("refuses a finished tool, whose errors nobody sees, and an outputSchema", () => {
    const guard = newGuard();
    const made = sdk20.tool({ ...refund, parameters: Refund });
    expect(() => guardTool(guard, made as never, {})).toThrow(/what tool\(\) takes, and not what it returns/);
    expect(() => guardTool(guard, { ...refund, outputSchema: z.object({}) } as never, {})).toThrow(/outputSchema/);
  });

  it("knows what the tool takes and gives", () => {
    const given = guardTool(
      newGuard(),
      {
        ...refund,
        execute: async (input) => {
          expectTypeOf(input).toEqualTypeOf<Refund>();
          return { paid: input.cents, key: effectContext().idempotencyKey };
        },
      },
      {
        record: ({ order }) => `order:${order}`,
        keyFields: ["order"],
        probe: async (input) => {
          expectTypeOf(input).toEqualTypeOf<Refund>();
          return { answer: "happened", result: { paid: input.cents, key: "k" } };
        },
      },
    );
    sdk20.tool(given);
    guardTool(newGuard(), refund, {
      keyFields: ["order"],
      // @ts-expect-error not what the tool gives
      probe: () => ({ answer: "happened", result: "yes" }),
    });
  });
});
