import type { RunnableConfig } from "@langchain/core/runnables";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import { interrupt } from "@langchain/langgraph";
import type { Outcome } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { isEffectRunning } from "../effect-context.ts";
import { type Approver, decideFromHost, isOpen, waitsForApproval } from "../host-approval.ts";
import type { ContextOption } from "../host-context.ts";

/** How the calls of a graph meet the guard. */
export interface LangChainOptions<Call> {
  /** The tenant, actor and run of a call; and its scope, where the graph has no `thread_id`. */
  readonly context?: ContextOption<Call>;
  /**
   * Whether the graph is interrupted while a request waits for a person or is in doubt. It takes a checkpointer. When it
   * is resumed, the request is asked again. Default true; false: the model is told instead.
   */
  readonly interrupts?: boolean;
  /**
   * Who is behind an answer `new Command({ resume: { request_id, approve: true } })`: it then counts as this person's
   * decision in the guard. Default: nobody, and only the guard's own approvals count.
   */
  readonly approver?: Approver<Call>;
}

/** What the graph is resumed with, where that is to decide. Anything else only has the request asked again. */
export interface PersonsAnswer {
  /** As the interrupt says it: an answer is for one request, however LangGraph hands out the answers. */
  readonly request_id: string;
  readonly approve: boolean;
  readonly reason?: string;
}

/**
 * Runs a request until it is settled, and pauses the graph meanwhile. LangGraph runs the node again from its top when it
 * is resumed: the request is then known, and nothing of it is done twice.
 */
export async function settled<Seen extends Outcome | undefined, Call>(
  guard: Guard,
  run: () => Promise<Seen>,
  question: (outcome: Outcome) => unknown,
  call: Call,
  { interrupts = true, approver }: LangChainOptions<Call>,
): Promise<Seen> {
  let outcome = await run();
  while (interrupts && outcome !== undefined && isOpen(outcome) && canPause()) {
    const answer: unknown = interrupt(question(outcome)); // throws, until somebody resumes
    if (waitsForApproval(outcome) && isAbout(outcome.requestId, answer)) {
      const { approve, reason = "answered in the graph" } = answer;
      await decideFromHost(guard, outcome, approver, call, { approve, reason });
    }
    outcome = await run();
  }
  return outcome;
}

/** Not where the code of another guarded tool runs: an interrupt would look like a failure of its effect. */
function canPause(): boolean {
  const config = AsyncLocalStorageProviderSingleton.getRunnableConfig();
  return Boolean(config?.configurable?.__pregel_checkpointer) && !isEffectRunning();
}

/** The thread that a call belongs to, which lasts from run to run and from process to process. */
export function threadOf({ configurable }: RunnableConfig): string | undefined {
  const thread: unknown = configurable?.thread_id;
  return thread === undefined || thread === null ? undefined : String(thread);
}

function isAbout(requestId: string, answer: unknown): answer is PersonsAnswer {
  const said = (answer ?? {}) as Partial<PersonsAnswer>;
  return said.request_id === requestId && typeof said.approve === "boolean";
}
