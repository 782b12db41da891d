import { AsyncLocalStorage } from "node:async_hooks";
import { type ActionDefinition, type ActionOptions, type CallContext, defineAction } from "../core/action.ts";
import { type Duration, durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Guard } from "../pipeline/guard.ts";
import { asEffect } from "./effect-context.ts";
import { engineName } from "./engine-name.ts";
import { type Verdict, verdictOf } from "./job-verdict.ts";

/** How a job of an engine meets the guard. */
export interface JobOptions<Job = unknown> {
  /**
   * Longest time that a job keeps its worker waiting for a settled answer; an attempt of its own is awaited whole. What
   * takes longer is put off, and the worker is free. Default 1 s.
   */
  readonly wait?: Duration;
  /**
   * How often a job is looked at that waits for a person: in review, held, halted, or in a doubt that no probe can settle.
   * It stays in the queue, and the person's decision finishes it. Default 1 m. `"fail"`: it fails for good instead, and
   * somebody has to have the engine run it again once it is decided.
   */
  readonly parked?: Duration | "fail";
  /** The tenant, run and actor of a job, and a request id where its action has no business key. */
  readonly context?: (job: Job) => Omit<CallContext, "host" | "signal" | "wait">;
}

/** What is said of a handler besides its code: the options of an action, and how its jobs meet the guard. */
export type JobRule<Payload, Result, Job> = Omit<ActionOptions<string, unknown, Payload, Result>, "name" | "execute"> &
  JobOptions<Job> & {
    /** The action's name in receipts and halts. */
    readonly action: string;
  };

/** A handler of the engine's: gets the payload as the rule's `input` has validated it, and the engine's own job. */
export type JobHandler<Payload, Result, Job> = (payload: Payload, job: Job) => Promise<Result> | Result;

/**
 * Either an action, which a guard can carry on also when the engine has forgotten the job; or a handler that needs the
 * engine's own job, so that only the engine's next delivery executes it. Doubts a guard settles in both.
 */
export type JobWork<Payload, Result, Job> =
  | {
      // biome-ignore lint/suspicious/noExplicitAny: the payload is between the action and its schema
      readonly action: ActionDefinition<string, Payload, any, Result>;
      readonly options?: JobOptions<Job> | undefined;
    }
  | { readonly handler: JobHandler<Payload, Result, Job>; readonly rule: JobRule<Payload, Result, Job> };

/** One delivery of a job, as its engine tells it. */
export interface Delivery<Job> {
  readonly job: Job;
  readonly payload: unknown;
  /** Engine and queue, such as `bullmq:refunds`. */
  readonly scope: string;
  /** Names the job in that scope: the same in every delivery of it, and never that of another job. */
  readonly callId: string;
  /** The engine has delivered it before. */
  readonly again: boolean;
  /** The engine's own run (workflow, invocation), where it has one: for halts and the action log. */
  readonly runId?: string | undefined;
  /** Fires when the engine takes the job away or shuts down. Detaches the job from the effect, and never stops the effect. */
  readonly signal?: AbortSignal | undefined;
  /** What tells the engine that somebody still works on the job, where the engine does not see that by itself. */
  readonly heartbeat?: { readonly everyMs: number; readonly beat: () => unknown };
}

/** Handlers get the engine's job; the guard, between them, knows only payloads. */
const currentJob = new AsyncLocalStorage<unknown>();

/**
 * The work of an engine's jobs under a guard: makes the effect of a job once, however often the engine delivers it, and
 * says what the engine should do now. Never throws for what became of the effect, so that no engine makes a retry of it.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`; and a delivery, for what
 *   is wrong with the program and not with its payload, such as `missing_identity`
 */
export function guardedJob<Payload, Result, Job>(
  guard: Guard,
  work: JobWork<Payload, Result, Job>,
): (delivery: Delivery<Job>) => Promise<Verdict<Result>> {
  const { definition, options, register } = workOf(work);
  if (definition.riskTier === "safe") {
    const { name } = definition;
    const problem = `"${name}" is safe, so its jobs may repeat: leave them to the engine and its own retries, without a guard.`;
    throw new OnceguardError("invalid_option", problem, { option: "riskTier", action: name });
  }
  const { wait = "1s", parked = "1m", context } = options;
  const execute = guard.wrap(definition, { register });
  const verdicts = {
    parkedMs: parked === "fail" ? null : durationMs(parked, "parked"),
    settlesAlone: definition.probe !== null || definition.downstreamKey !== null,
  };
  durationMs(wait, "wait");

  return async ({ job, payload, scope, callId, again, runId, signal, heartbeat }) => {
    const stop = beating(heartbeat);
    try {
      const call: CallContext = {
        ...(again && { cause: "redelivery" }),
        ...(runId !== undefined && { runId: engineName(runId) }),
        ...context?.(job),
        host: { scope: engineName(scope), callId: engineName(callId) },
        wait,
        ...(signal && { signal }),
      };
      const outcome = await currentJob.run(job, () => execute(payload as Payload, call));
      const verdict = verdictOf(outcome, verdicts);
      // Cancelled before anything was sent: nobody has said no to it.
      const isCut = outcome.status === "denied" && outcome.receipt === null && signal?.aborted;
      return isCut ? { ...verdict, verdict: "later", delayMs: 1_000, waitsForPerson: false } : verdict;
    } catch (error) {
      return unfit(error);
    } finally {
      stop();
    }
  };
}

function workOf<Payload, Result, Job>(work: JobWork<Payload, Result, Job>) {
  if ("action" in work) return { definition: work.action, options: work.options ?? {}, register: true as const };
  const { handler, rule } = work;
  const { action: name, wait, parked, context, ...action } = rule;
  const definition = defineAction<string, Result, Payload, Payload>({
    ...(action as Omit<ActionOptions<string, Payload, Payload, Result>, "name" | "execute">),
    name,
    execute: (payload, effect) => asEffect(effect, () => handler(payload, currentJob.getStore() as Job)),
  });
  const options: JobOptions<Job> = {
    ...(wait !== undefined && { wait }),
    ...(parked !== undefined && { parked }),
    ...(context && { context }),
  };
  return { definition, options, register: "settle" as const };
}

/** A heartbeat that fails changes nothing: the effect is under way, and whoever gets the job next meets its claim. */
function beating(heartbeat: Delivery<unknown>["heartbeat"]): () => void {
  if (heartbeat === undefined) return () => undefined;
  const timer = setInterval(() => {
    new Promise((resolve) => resolve(heartbeat.beat())).catch(() => undefined);
  }, heartbeat.everyMs);
  return () => clearInterval(timer);
}

/** A payload that does not fit never will. All else is the program's mistake, and the engine's to report. */
export function unfit(error: unknown): Verdict<never> {
  const isPayloads = error instanceof OnceguardError && /^(?:payload_|missing_key_field$)/.test(error.code);
  if (!isPayloads) throw error;
  return { verdict: "never", outcome: null, message: `onceguard: ${error.code}: ${error.message}` };
}
