import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import { createGuard } from "../pipeline/create-guard.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { effectContext } from "./effect-context.ts";
import { guardedTool, type ToolRule } from "./guarded-tool.ts";
import { isNotDone, type ModelAnswer } from "./model-answer.ts";

interface Charge {
  readonly order: string;
  readonly cents: number;
}

const guards: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const guard of guards.splice(0)) await guard.close();
});

type Rule = Pick<ToolRule<Charge, unknown>, "riskTier" | "keyFields" | "timeout">;

const BY_CALL: Rule = { riskTier: "side_effecting" };

function chargeTool(rule: Rule = { keyFields: ["order"] }) {
  const guard = createGuard({ store: memoryStore(), sweepEvery: false, grace: 0, onBackgroundError: () => undefined });
  guards.push(guard);
  const sent: { charge: Charge; key: string; call: string }[] = [];
  let behave = async (): Promise<void> => undefined;
  const make = () =>
    guardedTool(
      guard,
      {
        name: "charge",
        execute: async (charge: Charge, call: { id: string }) => {
          sent.push({ charge, key: effectContext().idempotencyKey, call: call.id });
          await behave();
          return { paid: charge.cents };
        },
      },
      rule,
    );
  return { guard, make, tool: make(), sent, behave: (next: () => Promise<void>) => (behave = next) };
}

const A1 = { order: "A1", cents: 500 };
const called = (callId: string) => ({ host: { scope: "thread-1", callId } });

describe("a host's tool under the guard", () => {
  it("runs once per business key, with what the host gave along and a key to send downstream", async () => {
    const { tool, make, sent } = chargeTool();
    const first = await tool.answer(A1, { id: "c1" }, called("c1"));
    // A server makes its tools anew for each request that it answers.
    const second = await make().answer(A1, { id: "c2" }, called("c2"));
    expect([first, second]).toEqual([{ paid: 500 }, { paid: 500 }]);
    expect(sent).toEqual([{ charge: A1, key: expect.stringMatching(/^.{1,36}$/), call: "c1" }]);
    expectTypeOf(first).toEqualTypeOf<ModelAnswer<{ paid: number }>>();
  });

  it("has each of two concurrent calls see its own host", async () => {
    const { tool, sent } = chargeTool();
    const orders = ["A", "B", "C"].map((order) => ({ order, cents: 1 }));
    await Promise.all(orders.map((charge) => tool.answer(charge, { id: charge.order }, {})));
    expect(sent.map(({ charge, call }) => charge.order === call)).toEqual([true, true, true]);
  });

  it("tells one host's calls apart by their ids, where nothing names the intent", async () => {
    const { tool, sent } = chargeTool(BY_CALL);
    await tool.answer(A1, { id: "c1" }, called("c1"));
    await tool.answer(A1, { id: "c1" }, called("c1"));
    await tool.answer(A1, { id: "c2" }, called("c2"));
    expect(sent.map(({ call }) => call)).toEqual(["c1", "c2"]);
  });

  it("answers a doubt with a value, and tells whether the same call is safe", async () => {
    const keyed = chargeTool({ keyFields: ["order"], timeout: "20ms" });
    const unnamed = chargeTool({ ...BY_CALL, timeout: "20ms" });
    for (const { behave } of [keyed, unnamed]) behave(() => new Promise(() => undefined));
    const doubt = await keyed.tool.answer(A1, { id: "c1" }, called("c1"));
    expect(doubt).toMatchObject({ status: "in_doubt", message: expect.stringContaining("exactly the same arguments") });
    expect(isNotDone(doubt)).toBe(true);
    expect(await unnamed.tool.answer(A1, { id: "c1" }, called("c1"))).toMatchObject({
      status: "in_doubt",
      message: expect.stringContaining("Do not call again: that would be a new request"),
    });
  });

  it("has the model correct what does not fit, and the program what is its own mistake", async () => {
    const { tool, sent } = chargeTool();
    const nameless = { cents: 5 } as unknown as Charge;
    expect(await tool.answer(nameless, { id: "c1" }, {})).toMatchObject({
      status: "invalid",
      code: "missing_key_field",
      message: expect.stringMatching(/^Nothing was sent\..*order/),
    });
    const without = chargeTool({});
    await expect(without.tool.answer(A1, { id: "c1" }, {})).rejects.toMatchObject({ code: "missing_identity" });
    expect([...sent, ...without.sent]).toEqual([]);
  });

  it("is judged without being run, though no action of its name is registered", async () => {
    const rules = [{ action: "charge", verdict: "review", reason: "money needs a person" }] as const;
    const guard = createGuard({ store: memoryStore(), sweepEvery: false, rules });
    guards.push(guard);
    let sent = 0;
    const tool = guardedTool(
      guard,
      { name: "charge", execute: async (_charge: Charge) => ++sent },
      { keyFields: ["order"] },
    );
    const proposed = await tool.propose(A1, called("c1"));
    expect(proposed).toMatchObject({ verdict: "review", receipt: { state: "held" } });
    await guard.approve(proposed.requestId, { actor: "kim", reason: "looked at it" });
    expect([await tool.answer(A1, undefined, called("c2")), sent]).toEqual([1, 1]);
    await expect(guard.propose("charge" as never, A1 as never)).rejects.toMatchObject({ code: "unknown_action" });
  });

  it("has nothing to tell where no attempt runs", () => {
    expect(() => effectContext()).toThrow(expect.objectContaining({ code: "no_effect_running" }));
  });
});
