import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Mastra } from "@mastra/core/mastra";
import { InMemoryStore } from "@mastra/core/storage";
import { createTool } from "@mastra/core/tools";
import { createStep, createWorkflow } from "@mastra/core/workflows";
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { guardTool, guardTools, type ModelAnswer } from "../../../src/adapters/mastra/index.ts";
import type { PolicyRule } from "../../../src/core/policy.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import type { Guard } from "../../../src/pipeline/guard.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { finished, killedMidEffect } from "../killed-mid-effect.ts";
import { BY_ORDER, deskOf, Refund, refundCall, type Story } from "./desk.ts";
import type { ToolCall } from "./fake-model.ts";

// The major before (0.x) has another createTool, and Mastra gives it no fixes any more: it is not covered.

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

const REVIEWED: PolicyRule[] = [{ action: "refund", verdict: "review", reason: "refunds need a person" }];

let last = 0;
const newOrder = (): string => `mastra-${++last}`;
const deskFor = (story: Story, ...script: (readonly ToolCall[])[]) => deskOf(world.port, story, ...script);

interface Question {
  readonly status: string;
  readonly request_id: string;
}

describe("Mastra's agent", () => {
  it("re-plans: another call id and other prose are the same intent", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      const again = [refundCall(order, "call_2", "the customer asked for it")];
      const { desk, told } = deskFor(guard ? { guard } : {}, [refundCall(order, "call_1")], again);
      await desk.generate("refund it");
      return { effects: world.effects(order).length, told };
    };
    expect(await story()).toEqual({ effects: 2, told: [{ paid: 500 }, { paid: 500 }] });
    expect(await story(newGuard())).toEqual({ effects: 1, told: [{ paid: 500 }, { paid: 500 }] });
  });

  it("a lost reply: the model is told the truth, past outputSchema and toModelOutput, and its retry does nothing", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      await world.plan(order, "lose_reply");
      const given = guard ? { guard, options: { suspends: false } } : {};
      const { desk, told } = deskFor(given, [refundCall(order, "call_1")], [refundCall(order, "call_2")]);
      await desk.generate("refund it");
      return { effects: world.effects(order).length, told };
    };
    expect((await story()).effects).toBe(2);
    const guarded = await story(newGuard());
    expect(guarded.effects).toBe(1);
    expect(guarded.told[0]).toMatchObject({ status: "in_doubt", message: expect.stringContaining("nobody knows yet") });
  });

  it("a timeout of the guard's is a doubt; Mastra has none of its own for a tool", async () => {
    const order = newOrder();
    await world.plan(order, "hold_request");
    const rule = { ...BY_ORDER, timeout: "50ms" as const };
    const given = { guard: newGuard(), rule, options: { suspends: false }, heedsSignal: false };
    const { desk, told } = deskFor(given, [refundCall(order, "call_1")], [refundCall(order, "call_2")]);
    await desk.generate("refund it");
    await world.holding(order);
    await world.release(order);
    await expect.poll(() => world.effects(order).length, { timeout: 20_000 }).toBe(1);
    expect(told[0]).toMatchObject({ status: "in_doubt" });
  });

  it("an aborted run is detached from its effect, which is recorded; the next run is told what it was", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      await world.plan(order, "hold_reply");
      const aborting = new AbortController();
      const first = deskFor(guard ? { guard } : {}, [refundCall(order, "call_1")]);
      const gone = first.desk.generate("refund it", { abortSignal: aborting.signal }).catch(() => undefined);
      await world.holding(order);
      aborting.abort();
      const second = deskFor(guard ? { guard } : {}, [refundCall(order, "call_1")]);
      const next = second.desk.generate("refund it");
      await world.release(order);
      await Promise.all([gone, next]);
      return { effects: world.effects(order).length, told: second.told };
    };
    expect((await story()).effects).toBe(2);
    expect(await story(newGuard())).toEqual({ effects: 1, told: [{ paid: 500 }] });
  });

  it("two identical calls in one turn: one intent by its key, two by their ids", async () => {
    const turn = (order: string) => [refundCall(order, "call_1"), refundCall(order, "call_2")];
    const orders = [newOrder(), newOrder(), newOrder()] as const;
    await deskFor({}, turn(orders[0])).desk.generate("refund it");
    await deskFor({ guard: newGuard() }, turn(orders[1])).desk.generate("refund it");
    const guard = newGuard();
    const byCall = { guard, rule: { riskTier: "side_effecting" as const } };
    const { runId } = await deskFor(byCall, turn(orders[2])).desk.generate("refund it");
    expect(orders.map((order) => world.effects(order).length)).toEqual([2, 1, 2]);
    const receipts = await guard.receipts();
    expect(receipts.map(({ hostScope, hostCallId }) => [hostScope, hostCallId]).sort()).toEqual([
      [runId, "call_1"],
      [runId, "call_2"],
    ]);
  });

  it("an approval of Mastra's own that is given twice, to the same stored run, pays once", async () => {
    const story = async (guard?: Guard) => {
      const order = newOrder();
      const { desk } = deskFor({ ...(guard && { guard }), requireApproval: true }, [refundCall(order, "call_1")]);
      const { runId = "" } = await desk.generate("refund it");
      await world.plan(order, "hold_reply");
      const approve = () => desk.approveToolCallGenerate({ runId, toolCallId: "call_1" }).catch(() => undefined);
      const first = approve();
      await world.holding(order);
      const second = approve();
      if (guard === undefined) await expect.poll(() => world.requests(order), { timeout: 20_000 }).toBe(2);
      await world.release(order);
      await Promise.all([first, second]);
      return world.effects(order).length;
    };
    expect(await story(newGuard())).toBe(1);
    expect(await story()).toBe(2);
  });
});

describe("a person", () => {
  const suspended = async (story: Story, order = newOrder()) => {
    const { desk, told } = deskFor(story, [refundCall(order, "call_1")]);
    const { finishReason, runId = "", suspendPayload } = await desk.generate("refund it");
    expect(finishReason).toBe("suspended");
    const question = suspendPayload.suspendPayload as Question;
    const resume = async (answer: unknown) => {
      const { finishReason: reason } = await desk.resumeGenerate(answer, { runId, toolCallId: "call_1" });
      return reason;
    };
    return { order, question, resume, told };
  };

  it("approves in the guard: the run waits as long as that takes, and then goes on", async () => {
    const guard = newGuard(REVIEWED);
    const { order, question, resume, told } = await suspended({ guard });
    expect(question).toMatchObject({ action: "refund", status: "held", reasons: ["refunds need a person"] });
    expect(await resume({ any: "answer" })).toBe("suspended");
    expect(await resume({ approved: true }), "nobody's approval").toBe("suspended");
    await guard.approve(question.request_id, { actor: "ana", reason: "checked" });
    expect(await resume({ any: "answer" })).toBe("stop");
    expect([told, world.effects(order).length]).toEqual([[{ paid: 500 }], 1]);
  });

  it("approves or denies in the run, where the program says who that is", async () => {
    const options = { approver: "ana" };
    const yes = await suspended({ guard: newGuard(REVIEWED), options });
    expect(await yes.resume({ approved: true })).toBe("stop");
    expect([yes.told, world.effects(yes.order).length]).toEqual([[{ paid: 500 }], 1]);
    const no = await suspended({ guard: newGuard(REVIEWED), options });
    expect(await no.resume({ approved: false, reason: "too much" })).toBe("stop");
    expect(no.told).toEqual([expect.objectContaining({ status: "denied" })]);
    expect(world.effects(no.order)).toEqual([]);
  });

  it("settles a doubt: the run waits, and the model hears only what became of it", async () => {
    const guard = newGuard();
    const order = newOrder();
    await world.plan(order, "lose_reply");
    const { question, resume, told } = await suspended({ guard }, order);
    expect(question).toMatchObject({ status: "in_doubt" });
    await guard.reconcile();
    const decision = { decision: "happened", actor: "ana", reason: "seen", result: { paid: 500 } } as const;
    await guard.resolve(question.request_id, decision);
    expect(await resume({ any: "answer" })).toBe("stop");
    expect([told, world.effects(order).length]).toEqual([[{ paid: 500 }], 1]);
  });
});

describe("a process killed in the middle of a refund, and its run resumed from the stored snapshot", () => {
  const program = new URL("./agent-process.ts", import.meta.url);
  const folder = mkdtempSync(join(tmpdir(), "onceguard-mastra-"));
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
    if (way === "guarded") expect(said).toMatchObject({ suspended: { status: "in_doubt", action: "refund" } });
  });
});

describe("a tool as a step of a workflow", () => {
  it("suspends it while a person is asked, and is asked again when it is resumed", async () => {
    const guard = newGuard(REVIEWED);
    let paid = 0;
    const refund = createTool(
      guardTool(
        guard,
        {
          id: "refund",
          description: "",
          inputSchema: z.object({ order: z.string() }),
          outputSchema: z.object({ paid: z.number() }),
          execute: async () => ({ paid: ++paid }),
        },
        { keyFields: ["order"] },
      ),
    );
    const refunds = createWorkflow({
      id: "refunds",
      inputSchema: z.object({ order: z.string() }),
      outputSchema: z.any(),
    })
      .then(createStep(refund))
      .commit();
    const mastra = new Mastra({ workflows: { refunds }, storage: new InMemoryStore(), logger: false });
    const run = await mastra.getWorkflow("refunds").createRun();
    const first = await run.start({ inputData: { order: "A1" } });
    expect([first.status, paid]).toEqual(["suspended", 0]);
    const [held] = await guard.receipts({ states: ["held"] });
    await guard.approve(held?.requestId ?? "", { actor: "ana", reason: "checked" });
    const second = await run.resume({ step: "refund", resumeData: { any: "answer" } });
    expect(second).toMatchObject({ status: "success", result: { paid: 1 } });
  });
});

describe("rules", () => {
  const refund = {
    id: "refund",
    description: "",
    inputSchema: Refund,
    execute: async ({ cents }: Refund) => ({ paid: cents }),
  } as const;

  it("every tool has one, or the word safe", () => {
    const search = { id: "search", description: "", execute: async () => "" } as const;
    const guarded = guardTools(newGuard(), { refund, search }, { refund: BY_ORDER, search: "safe" });
    expect(guarded.search).toBe(search);
    expect(guarded.refund).not.toBe(refund);
    // @ts-expect-error a tool that nobody has thought about
    expect(() => guardTools(newGuard(), { refund, search }, { refund: BY_ORDER })).toThrow(/"search" has no rule/);
  });

  it("refuses a finished tool, and one that suspends by itself", () => {
    const made = createTool(refund);
    expect(() => guardTool(newGuard(), made as never, {})).toThrow(/what createTool\(\) takes/);
    const suspending = { ...refund, suspendSchema: z.object({}) };
    expect(() => guardTool(newGuard(), suspending, {})).toThrow(/suspends by itself/);
  });

  it("has the model correct what does not fit, and fails for the program's own mistakes", async () => {
    const order = newOrder();
    const { desk, told } = deskFor({ guard: newGuard() }, [
      { toolName: "refund", input: { order, cents: "many" }, toolCallId: "call_1" },
    ]);
    await desk.generate("refund it");
    expect(JSON.stringify(told)).toContain("validation failed");
    expect(() => deskFor({ guard: newGuard(), rule: {} })).toThrow(/Nothing names what a call/);
    const nameless = deskFor({ guard: newGuard(), rule: {}, options: { context: () => ({}) } }, [
      refundCall(order, "call_1"),
    ]);
    await nameless.desk.generate("refund it");
    expect(JSON.stringify(nameless.told)).toContain("Nothing names what a call");
    expect(world.effects(order)).toEqual([]);
  });

  it("knows what the tool takes and gives", () => {
    const given = guardTool(
      newGuard(),
      {
        id: "refund",
        description: "",
        inputSchema: Refund,
        execute: async (input) => {
          expectTypeOf(input).toEqualTypeOf<Refund>();
          return { paid: input.cents };
        },
      },
      {
        keyFields: ["order"],
        record: (input) => {
          expectTypeOf(input).toEqualTypeOf<Refund>();
          return input.order;
        },
        probe: () => ({ answer: "happened", result: { paid: 1 } }),
      },
    );
    expectTypeOf<Awaited<ReturnType<typeof given.execute>>>().toEqualTypeOf<ModelAnswer<{ paid: number }>>();
    expectTypeOf<Parameters<typeof given.execute>[0]>().toEqualTypeOf<Refund>();
    createTool(given);
    guardTool(newGuard(), refund, {
      keyFields: ["order"],
      // @ts-expect-error not what the tool gives
      probe: () => ({ answer: "happened", result: "yes" }),
    });
  });
});
