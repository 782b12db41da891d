import { generateText, type InferToolInput, type InferToolOutput, type ToolSet, tool } from "ai";
import * as ai6 from "ai-6";
import { expectTypeOf, it } from "vitest";
import { z } from "zod";
import { guardTools, isNotDone, type ModelAnswer, toolApproval } from "../../../src/adapters/ai-sdk/index.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";

const guard = createGuard({ store: memoryStore(), sweepEvery: false });
const ORDER = z.object({ order: z.string(), cents: z.number() });
type Order = z.infer<typeof ORDER>;

const given = {
  charge: tool({
    inputSchema: ORDER,
    contextSchema: z.object({ user: z.string() }),
    execute: async ({ cents }) => ({ paid: cents }),
  }),
  search: tool({ inputSchema: z.object({ q: z.string() }), execute: ({ q }) => [q] }),
  watch: tool({
    inputSchema: ORDER,
    async *execute({ order }) {
      yield `watching ${order}`;
    },
  }),
};

const tools = guardTools(guard, given, {
  charge: {
    record: (order) => {
      expectTypeOf(order).toEqualTypeOf<Order>();
      return order.order;
    },
    keyFields: ["order"],
    probe: ({ cents }) => ({ answer: "happened", result: { paid: cents } }),
  },
  search: "safe",
  watch: { keyFields: ["order"] },
});

it("a tool's input and output survive; what is guarded may also answer why it was not done", () => {
  expectTypeOf<InferToolInput<typeof tools.charge>>().toEqualTypeOf<Order>();
  expectTypeOf<InferToolOutput<typeof tools.charge>>().toEqualTypeOf<ModelAnswer<{ paid: number }>>();
  expectTypeOf<InferToolOutput<typeof tools.watch>>().toEqualTypeOf<ModelAnswer<string>>();
  expectTypeOf(tools.search).toEqualTypeOf(given.search);
});

it("the SDK takes them as it takes its own", () => {
  const run = () =>
    generateText({
      model: "nobody/asks",
      tools,
      toolApproval: toolApproval(tools),
      toolsContext: { charge: { user: "kim" } },
      prompt: "",
    });
  type Run = Awaited<ReturnType<typeof run>>;
  const read = ({ toolResults }: Run) => {
    for (const result of toolResults) {
      if (result.dynamic) continue;
      if (result.toolName === "charge") {
        expectTypeOf(result.input).toEqualTypeOf<Order>();
        expectTypeOf(result.output).toEqualTypeOf<ModelAnswer<{ paid: number }>>();
        if (!isNotDone(result.output)) expectTypeOf(result.output).toEqualTypeOf<{ paid: number }>();
      }
      if (result.toolName === "search") expectTypeOf(result.output).toEqualTypeOf<string[]>();
    }
  };
  expectTypeOf(read).toBeFunction();
  // @ts-expect-error what the tool needs of its context is still asked for
  expectTypeOf(() => generateText({ model: "nobody/asks", tools, prompt: "" })).toBeFunction();
});

it("the major before takes them too", () => {
  const older = guardTools(
    guard,
    { charge: ai6.tool({ inputSchema: ORDER, execute: async ({ cents }) => ({ paid: cents }) }) },
    { charge: { keyFields: ["order"] } },
  );
  expectTypeOf<ai6.InferToolOutput<typeof older.charge>>().toEqualTypeOf<ModelAnswer<{ paid: number }>>();
  const run = () => ai6.generateText({ model: "nobody/asks", tools: older, prompt: "" });
  type Run = Awaited<ReturnType<typeof run>>;
  const read = ({ toolResults: [result] }: Run) => {
    if (result?.dynamic === false) expectTypeOf(result.output).toEqualTypeOf<ModelAnswer<{ paid: number }>>();
  };
  expectTypeOf(read).toBeFunction();
});

it("tools whose names nobody knows beforehand, as of an MCP client", () => {
  const found: ToolSet = {};
  const guarded = guardTools(guard, found, {});
  expectTypeOf(() => generateText({ model: "nobody/asks", tools: guarded, prompt: "" })).toBeFunction();
});

it("a tool without a rule is a mistake of types already, and so is a rule that does not fit its tool", () => {
  const { charge } = given;
  // @ts-expect-error nobody has thought about charge
  const forgotten = () => guardTools(guard, { charge }, {});
  // @ts-expect-error there is no such word
  const misspelt = () => guardTools(guard, { charge }, { charge: "save" });
  // @ts-expect-error the tool's result is another
  const misfit = () => guardTools(guard, { charge }, { charge: { probe: () => ({ answer: "happened", result: 7 }) } });
  expectTypeOf([forgotten, misspelt, misfit]).toBeArray();
});
