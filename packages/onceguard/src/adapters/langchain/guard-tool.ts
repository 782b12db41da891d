import { AsyncLocalStorage } from "node:async_hooks";
import type { StructuredToolInterface, ToolRunnableConfig } from "@langchain/core/tools";
import { OnceguardError } from "../../core/errors.ts";
import type { Outcome } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { guardedTool, refusal, type ToolRule } from "../guarded-tool.ts";
import { callContext, requireIdentity, requireRule } from "../host-context.ts";
import { isNotDone } from "../model-answer.ts";
import { restored, storable } from "./direct-output.ts";
import { type LangChainOptions, settled, threadOf } from "./pause.ts";

/** A tool of LangChain's, such as `tool()` makes. */
export type LangChainTool = Pick<StructuredToolInterface, "name" | "invoke">;

/** One call of a tool, as LangChain tells it. */
export interface LangChainCall {
  readonly name: string;
  readonly input: unknown;
  readonly callId: string | undefined;
  /** With `configurable.thread_id`, and the graph's `context` and `state` where there is a graph. */
  readonly config: ToolRunnableConfig;
}

/** What a tool's own code takes, after its schema. */
// biome-ignore lint/suspicious/noExplicitAny: a tool class of one's own does not tell
export type InputOf<Tool> = Tool extends { func: (input: infer Input, ...rest: never) => unknown } ? Input : any;

export type ResultOf<Tool> = Tool extends { func: (...given: never) => infer Given }
  ? Given extends AsyncGenerator<unknown, infer Last>
    ? Last
    : Awaited<Given>
  : unknown;

export type RuleOf<Tool> = ToolRule<InputOf<Tool>, ResultOf<Tool>> | "safe";

/** The part of a tool that its class keeps to itself: its own code, behind the schema. */
interface Code {
  readonly name: string;
  readonly responseFormat?: string;
  _call(input: unknown, runManager: unknown, config?: ToolRunnableConfig): unknown;
}

/** For whoever pauses the graph in a tool's stead, outside of what would take an interrupt for a failure. */
export interface Seen {
  outcome?: Outcome;
  question?: object;
}

export const seenFromOutside: AsyncLocalStorage<Seen> = new AsyncLocalStorage();

interface Given {
  readonly runManager: unknown;
  readonly config: ToolRunnableConfig;
}

/**
 * The same tool, whose effect happens once. What is not done is told in its output, and never thrown: `ToolNode` and
 * `toolRetryMiddleware` make "try again" of errors.
 *
 * @throws OnceguardError `invalid_option` | `invalid_action` | `missing_identity`
 */
export function guardTool<Tool extends LangChainTool>(
  guard: Guard,
  tool: Tool,
  rule: RuleOf<Tool>,
  options: LangChainOptions<LangChainCall> = {},
): Tool {
  const given = requireRule(tool?.name, rule as ToolRule<unknown, unknown> | "safe");
  if (given === "safe") return tool;
  const code = codeOf(tool);
  const { name } = code;
  if (typeof options.context !== "function") {
    requireIdentity(name, given, callContext(options.context, null as never, { scope: "a thread", callId: name }));
  }
  const guarded = guardedTool<unknown, unknown, Given>(
    guard,
    {
      name,
      execute: async (input, { runManager, config }) =>
        storable(await lastOf(code._call(input, runManager, withoutSignal(config))), callIdOf(config)),
    },
    given,
  );

  async function answer(input: unknown, runManager: unknown, config: ToolRunnableConfig = {}): Promise<unknown> {
    const callId = callIdOf(config);
    const call: LangChainCall = { name, input, callId, config };
    const ids = { scope: threadOf(config), callId, signal: config.signal };
    const context = callContext(options.context, call, ids);
    requireIdentity(name, given as ToolRule<unknown, unknown>, context);
    try {
      const run = () => guarded.run(input, { runManager, config }, context);
      const question = (outcome: Outcome): object => ({ action: name, input, ...(guarded.tell(outcome) as object) });
      const outside = seenFromOutside.getStore();
      const outcome = outside ? await run() : await settled(guard, run, question, call, options);
      if (outside) Object.assign(outside, { outcome, question: question(outcome) });
      return guarded.tell(outcome);
    } catch (error) {
      return refusal(error);
    }
  }

  return Object.assign(Object.create(Object.getPrototypeOf(tool)), tool, {
    _call: async (input: unknown, runManager: unknown, config?: ToolRunnableConfig) => {
      const answered = await answer(input, runManager, config);
      const isPair = code.responseFormat === "content_and_artifact" && isNotDone(answered);
      return isPair ? [JSON.stringify(answered), answered] : restored(answered, callIdOf(config));
    },
  }) as Tool;
}

/** @throws OnceguardError `invalid_option` for what has no code of its own, such as a tool that the provider runs */
function codeOf(tool: LangChainTool): Code {
  if (typeof (tool as Partial<Code>)._call === "function") return tool as unknown as Code;
  throw new OnceguardError(
    "invalid_option",
    `The tool "${tool.name}" is no StructuredTool, so there is nothing in it that could be guarded. Make it with tool().`,
    { option: "tool", tool: tool.name },
  );
}

function callIdOf(config: ToolRunnableConfig | undefined): string | undefined {
  return config?.toolCall?.id;
}

/** `tool()` gives up on its own code when this fires, while that goes on; what becomes of it is the guard's to wait for. */
function withoutSignal({ signal: _signal, ...config }: ToolRunnableConfig): ToolRunnableConfig {
  return config;
}

/** A tool that yields events on its way returns its result at the end. */
async function lastOf(given: unknown): Promise<unknown> {
  const output = await given;
  if (typeof (output as Partial<AsyncGenerator> | null)?.[Symbol.asyncIterator] !== "function") return output;
  const events = output as AsyncGenerator;
  for (;;) {
    const step = await events.next();
    if (step.done) return step.value;
  }
}
