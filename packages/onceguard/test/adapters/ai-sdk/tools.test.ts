import { describe, expect, it } from "vitest";
import { z } from "zod";
import { effectContext, guardTools, isNotDone } from "../../../src/adapters/ai-sdk/index.ts";
import { guardOf, newDesk } from "./desk.ts";
import { ai_6, ai_7, call, scriptedModel, user } from "./fake-chat.ts";

const ORDER = z.object({ order: z.string(), cents: z.number() });
const A1 = { order: "A1", cents: 500 };
const BY_ORDER = { keyFields: ["order"] } as const;
const turn = { messages: [user("charge A1")] };

describe("every tool has a rule, or the word safe", () => {
  const charge = ai_7.ai.tool({ inputSchema: ORDER, execute: async () => 1 });
  const clientSide = ai_7.ai.tool({ inputSchema: ORDER, outputSchema: z.number() });
  const guarded = (tools: object, rules: object, options: object = {}) =>
    guardTools(guardOf(newDesk()), tools as never, rules as never, options);

  interface Mistake {
    readonly what: string;
    readonly tools: object;
    readonly rules: object;
    readonly code: string;
    readonly says: RegExp;
  }
  it.each<Mistake>([
    { what: "no rule", tools: { charge }, rules: {}, code: "invalid_option", says: /"charge" has no rule/ },
    { what: "another word", tools: { charge }, rules: { charge: "yes" }, code: "invalid_option", says: /"charge"/ },
    {
      what: "a rule that is inherited",
      tools: { toString: charge },
      rules: {},
      code: "invalid_option",
      says: /"toString" has no rule/,
    },
    {
      what: "a rule for no tool",
      tools: { charge },
      rules: { charge: "safe", chrage: "safe" },
      code: "invalid_option",
      says: /"chrage", which is no tool here/,
    },
    {
      what: "a rule for what runs elsewhere",
      tools: { clientSide },
      rules: { clientSide: BY_ORDER },
      code: "invalid_option",
      says: /no execute/,
    },
    {
      what: "an option that there is not",
      tools: { charge },
      rules: { charge: { ...BY_ORDER, retries: 3 } },
      code: "invalid_action",
      says: /"retries"/,
    },
    {
      what: "nothing that names an intent",
      tools: { charge },
      rules: { charge: {} },
      code: "missing_identity",
      says: /keyFields/,
    },
    {
      what: "no scope for its call ids",
      tools: { charge },
      rules: { charge: { riskTier: "side_effecting" } },
      code: "missing_identity",
      says: /scope/,
    },
  ])("$what", ({ tools, rules, code, says }) => {
    expect(() => guarded(tools, rules)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(says) }),
    );
  });

  it("what may run any number of times, and what runs elsewhere, stay as they are", () => {
    const tools = guarded({ charge, clientSide }, { charge: "safe", clientSide: "safe" }) as Record<string, unknown>;
    expect(tools.charge).toBe(charge);
    expect(tools.clientSide).toBe(clientSide);
  });
});

describe.each([ai_7, ai_6])("a tool that streams its results, $name", (major) => {
  it("shows them while they come; the last one counts, once", async () => {
    const desk = newDesk();
    const charge = major.ai.tool({
      inputSchema: ORDER,
      async *execute(order) {
        yield { state: "asking the bank" };
        yield { state: "done", ...desk.charge(order) };
      },
    });
    const tools = guardTools(guardOf(desk), { charge }, { charge: BY_ORDER });
    const steps = [[call("charge", A1, "c1")], [call("charge", A1, "c2")], "done"];
    const { shown, told } = await major.say({ ...turn, steps, tools, stream: true });
    const done = { state: "done", receipt: "r1" };
    expect(shown.filter(({ preliminary }) => preliminary).map(({ output }) => output)).toEqual([
      { state: "asking the bank" },
      done,
      done, // the last one is also the answer
      done, // and that of the second call
    ]);
    expect(shown.filter(({ preliminary }) => !preliminary).map(({ output }) => output)).toEqual([done, done]);
    expect(told).toEqual([
      { type: "json", value: done },
      { type: "json", value: done },
    ]);
    expect(desk.charged()).toHaveLength(1);
  });

  it("a stream that is given by a plain function: its last value counts, and is all that is shown", async () => {
    const desk = newDesk();
    const charge = major.ai.tool({
      inputSchema: ORDER,
      execute: (order) =>
        (async function* () {
          yield "asking the bank";
          yield desk.charge(order).receipt;
        })(),
    });
    const tools = guardTools(guardOf(desk), { charge }, { charge: BY_ORDER });
    const steps = [[call("charge", A1, "c1")], [call("charge", A1, "c2")], "done"];
    const { shown } = await major.say({ ...turn, steps, tools, stream: true });
    expect(shown).toEqual(["r1", "r1"].map((output) => ({ output, preliminary: false })));
    expect(desk.charged()).toHaveLength(1);
  });

  it("a stream that breaks off after its effect is a doubt, and not its last word", async () => {
    const desk = newDesk();
    const charge = major.ai.tool({
      inputSchema: ORDER,
      async *execute(order) {
        yield { state: "asking the bank" };
        desk.charge(order);
        throw new Error("socket hang up");
      },
    });
    const tools = guardTools(guardOf(desk), { charge }, { charge: BY_ORDER });
    const { told } = await major.say({ ...turn, steps: [[call("charge", A1)], "sorry"], tools, stream: true });
    expect(told).toEqual([{ type: "json", value: expect.objectContaining({ message: expect.any(String) }) }]);
    expect(told.every(({ value }) => isNotDone(value))).toBe(true);
    expect(desk.charged()).toHaveLength(1);
  });

  it("what is wrong with the program is thrown, to its listener and to nobody else", async () => {
    const charge = major.ai.tool({
      inputSchema: ORDER,
      async *execute() {
        yield "never";
      },
    });
    const options = { context: () => ({}) }; // no scope
    const { charge: guarded } = guardTools(
      guardOf(newDesk()),
      { charge },
      { charge: { riskTier: "side_effecting" } },
      options,
    );
    const listening = (guarded.execute(A1, { toolCallId: "c1", messages: [] } as never) as AsyncGenerator).next();
    await expect(listening).rejects.toMatchObject({ code: "missing_identity" });
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would end the test run
  });

  it("a listener who leaves does not stop the effect", async () => {
    const desk = newDesk();
    const goOn = Promise.withResolvers<void>();
    const charge = major.ai.tool({
      inputSchema: ORDER,
      async *execute(order) {
        yield "asking the bank";
        await goOn.promise;
        yield desk.charge(order).receipt;
      },
    });
    const guard = guardOf(desk);
    const { charge: guarded } = guardTools(guard, { charge }, { charge: BY_ORDER });
    const options = { toolCallId: "c1", messages: [], context: {} };
    for await (const value of guarded.execute(A1, options as never) as AsyncIterable<unknown>) {
      expect(value).toBe("asking the bank");
      break;
    }
    goOn.resolve();
    const { told } = await major.say({
      ...turn,
      steps: [[call("charge", A1, "c2")], "done"],
      tools: { charge: guarded },
    });
    expect(told).toEqual([{ type: "text", value: "r1" }]);
    expect(desk.charged()).toHaveLength(1);
  });
});

it("agents and tools without types are guarded in the same way", async () => {
  const desk = newDesk();
  const { ToolLoopAgent, dynamicTool, stepCountIs } = ai_7.ai;
  const charge = dynamicTool({ inputSchema: ORDER, execute: async (order) => desk.charge(order as typeof A1) });
  const tools = guardTools(guardOf(desk), { charge }, { charge: BY_ORDER });
  const model = scriptedModel([[call("charge", A1, "c1")], [call("charge", A1, "c2")], "done"]);
  const { text, steps } = await new ToolLoopAgent({ model, tools, stopWhen: stepCountIs(5) }).generate({
    prompt: "charge",
  });
  expect(text).toBe("done");
  expect(steps.flatMap(({ toolResults }) => toolResults.map(({ output }) => output))).toEqual([
    { receipt: "r1" },
    { receipt: "r1" },
  ]);
  expect(desk.charged()).toHaveLength(1);
});

describe("what the SDK reads of a tool", () => {
  it("its own words for the model are for its own results; the guard's go as they are", async () => {
    const desk = newDesk();
    const charge = ai_7.ai.tool({
      inputSchema: ORDER,
      execute: async (order) => {
        const { receipt } = desk.charge(order);
        if (order.order === "lost") throw new Error("socket hang up");
        return { receipt };
      },
      toModelOutput: ({ output }) => ({ type: "text", value: `paid, ${output.receipt.toUpperCase()}` }),
    });
    const tools = guardTools(guardOf(desk), { charge }, { charge: BY_ORDER });
    const steps = [[call("charge", A1, "c1"), call("charge", { order: "lost", cents: 1 }, "c2")], "done"];
    const { told } = await ai_7.say({ ...turn, steps, tools });
    expect(told).toEqual([
      { type: "text", value: "paid, R1" },
      { type: "json", value: expect.objectContaining({ request_id: expect.any(String), message: expect.any(String) }) },
    ]);
  });

  it.each([
    { kind: "zod", schema: z.object({ receipt: z.string() }) },
    { kind: "a JSON schema", schema: jsonSchemaOfReceipt() },
    { kind: "one that is made when it is needed", schema: () => jsonSchemaOfReceipt() },
  ])(
    "a stored conversation with our answers in it is still valid, and a wrong one is not ($kind)",
    async ({ schema }) => {
      const charge = ai_7.ai.tool({
        inputSchema: ORDER,
        outputSchema: schema as never,
        execute: async () => ({ receipt: "r1" }),
      });
      const tools = guardTools(guardOf(newDesk()), { charge }, { charge: BY_ORDER });
      const stored = (output: unknown) => [
        {
          id: "m1",
          role: "assistant",
          parts: [{ type: "tool-charge", toolCallId: "c1", state: "output-available", input: A1, output }],
        },
      ];
      const check = (output: unknown) =>
        ai_7.ai
          .safeValidateUIMessages({ messages: stored(output), tools: tools as never })
          .then(({ success }) => success);
      const doubt = { status: "in_doubt", request_id: "x", message: "nobody knows yet" };
      expect([await check({ receipt: "r1" }), await check(doubt), await check({ receipt: 1 })]).toEqual([
        true,
        true,
        false,
      ]);
    },
  );

  it("what does not fit is the model's to correct; the tool's code gets the signal of the attempt", async () => {
    const desk = newDesk();
    const stop = new AbortController();
    let same: boolean | undefined;
    const charge = ai_7.ai.tool({
      inputSchema: z.object({ order: z.string().optional(), cents: z.number() }),
      execute: async (_order, { abortSignal }) => {
        same = abortSignal === effectContext().signal && abortSignal !== stop.signal;
        return "paid";
      },
    });
    const tools = guardTools(guardOf(desk), { charge }, { charge: BY_ORDER });
    const steps = [[call("charge", { cents: 5 }, "c1")], [call("charge", A1, "c2")], "done"];
    const { told } = await ai_7.say({ ...turn, steps, tools, more: { abortSignal: stop.signal } });
    expect(told).toEqual([
      { type: "json", value: expect.objectContaining({ status: "invalid", message: expect.stringMatching(/order/) }) },
      { type: "text", value: "paid" },
    ]);
    expect(same).toBe(true);
  });
});

function jsonSchemaOfReceipt() {
  return ai_7.ai.jsonSchema<{ receipt: string }>(
    { type: "object" },
    {
      validate: (value) =>
        typeof (value as { receipt?: unknown }).receipt === "string"
          ? { success: true, value: value as { receipt: string } }
          : { success: false, error: new Error("no receipt") },
    },
  );
}
