import { OnceguardError } from "../../core/errors.ts";
import type { Outcome } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { effectContext } from "../effect-context.ts";
import { guardedTool, refusal, type ToolRule } from "../guarded-tool.ts";
import { decideFromHost, isOpen, waitsForApproval } from "../host-approval.ts";
import { callContext, requireIdentity, requireRule } from "../host-context.ts";
import { isNotDone, type ModelAnswer } from "../model-answer.ts";
import type {
  AnySchema,
  GuardableTool,
  GuardedMastraTool,
  GuardToolOptions,
  Infer,
  MastraCall,
  MastraContext,
  PersonsAnswer,
} from "./options.ts";
import { orNotDone, validated } from "./schemas.ts";

/**
 * A tool whose effect happens once: hand what it returns to Mastra's `createTool`.
 *
 * It takes what `createTool` takes, and not what that returns: a finished tool answers what does not fit its schemas with a
 * value, and nobody outside can tell that from a result.
 *
 * @throws OnceguardError `invalid_option` | `invalid_action` | `missing_identity`
 */
export function guardTool<
  const Id extends string,
  Input extends AnySchema = undefined,
  Output extends AnySchema = undefined,
  Result extends Infer<Output> = Infer<Output>,
>(
  guard: Guard,
  tool: GuardableTool<Id, Input, Output, Result>,
  rule: ToolRule<Infer<Input>, Result> | "safe",
  options: GuardToolOptions = {},
): GuardedMastraTool<Id, Input, Result> {
  const given = requireRule(tool?.id, rule);
  if (given === "safe") return tool as unknown as GuardedMastraTool<Id, Input, Result>;
  checkTool(tool);
  const { id, execute, inputSchema, outputSchema, toModelOutput } = tool;
  if (typeof options.context !== "function") {
    requireIdentity(id, given, callContext(options.context, null as never, { scope: "a run", callId: id }));
  }
  const guarded = guardedTool<Infer<Input>, Result, MastraContext>(
    guard,
    { name: id, execute: (input, context) => execute(input, forEffect(context)) },
    given,
  );

  /** Undefined: the run is suspended, and this call is over. */
  async function settle(input: Infer<Input>, context: MastraContext): Promise<Outcome<Result> | undefined> {
    const call: MastraCall = { id, input, callId: context.agent?.toolCallId || undefined, context };
    const { callId } = call;
    const callersContext = callContext(options.context, call, {
      scope: scopeOf(context),
      callId,
      signal: context.abortSignal,
    });
    requireIdentity(id, given as ToolRule<Infer<Input>, Result>, callersContext);
    const run = () => guarded.run(input, context, callersContext);
    let outcome = await run();
    const answer = resumedWith(context);
    if (waitsForApproval(outcome) && isDecision(answer)) {
      const { approved: approve, reason = "decided in the run" } = answer;
      if (await decideFromHost(guard, outcome, options.approver, call, { approve, reason })) outcome = await run();
    }
    const suspend = suspendOf(context);
    if (!isOpen(outcome) || suspend === undefined || options.suspends === false) return outcome;
    await suspend({ action: id, input, ...(guarded.tell(outcome) as object) });
    return undefined;
  }

  return {
    ...tool,
    outputSchema: orNotDone<Result>(outputSchema),
    ...(toModelOutput && {
      toModelOutput: (output: ModelAnswer<Result>) =>
        isNotDone(output) ? { type: "json", value: output } : toModelOutput(output),
    }),
    execute: async (input: Infer<Input>, context: MastraContext = {} as MastraContext) => {
      try {
        // Mastra checks the input once, and hands on what the model said when the run is resumed.
        const checked = resumedWith(context) === undefined ? input : await validated(inputSchema, input);
        const outcome = await settle(checked as Infer<Input>, context);
        return outcome && guarded.tell(outcome);
      } catch (error) {
        return refusal(error);
      }
    },
  } as unknown as GuardedMastraTool<Id, Input, Result>;
}

/** The thread where there is a memory, otherwise the run: both last from suspension to resumption. */
function scopeOf({ agent, workflow, ...context }: MastraContext): string | undefined {
  return agent?.threadId ?? workflow?.runId ?? (context as { readonly runId?: string }).runId;
}

function suspendOf({ agent, workflow, suspend }: MastraContext): ((payload: unknown) => Promise<void>) | undefined {
  return agent?.suspend ?? workflow?.suspend ?? suspend;
}

function resumedWith({ agent, workflow, resumeData }: MastraContext): unknown {
  return agent?.resumeData ?? workflow?.resumeData ?? resumeData ?? undefined;
}

function isDecision(answer: unknown): answer is PersonsAnswer {
  return typeof (answer as Partial<PersonsAnswer> | undefined)?.approved === "boolean";
}

/**
 * For the tool's own code. The run's signal ends the wait and not the effect; and code that suspends would have its effect
 * recorded as done.
 */
function forEffect(context: MastraContext): MastraContext {
  const suspend = (): never => {
    throw new Error("The code of a guarded tool cannot suspend its run. Ask before the tool is called.");
  };
  const { agent, workflow } = context;
  return {
    ...context,
    abortSignal: effectContext().signal,
    suspend,
    ...(agent && { agent: { ...agent, suspend } }),
    ...(workflow && { workflow: { ...workflow, suspend } }),
  };
}

/** @throws OnceguardError `invalid_option` */
function checkTool(tool: object): void {
  const { id, execute, suspendSchema, resumeSchema } = tool as Record<string, unknown>;
  const wrong = (problem: string): never => {
    throw new OnceguardError("invalid_option", `Tool ${JSON.stringify(id)}: ${problem}.`, { tool: id });
  };
  if (Object.getPrototypeOf(tool) !== Object.prototype) {
    wrong("guardTool takes what createTool() takes, and not what it returns");
  }
  if (typeof id !== "string" || typeof execute !== "function") wrong("guardTool needs its id and its execute");
  if (suspendSchema ?? resumeSchema) wrong("a tool that suspends by itself would be recorded as done; ask before it");
}
