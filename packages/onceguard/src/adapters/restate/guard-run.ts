import {
  type Context,
  PauseError,
  type Request,
  type RestatePromise,
  RetryableError,
  type RunOptions,
  TerminalError,
} from "@restatedev/restate-sdk";
import { HTTP_STATUS } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { guardedJob, type JobHandler, type JobOptions, type JobRule } from "../guarded-job.ts";
import type { Later, Never } from "../job-verdict.ts";
import { type JobAction, jobWork } from "../job-work.ts";

/** Options of `guardRun` that are Restate's own. */
export interface RestateOptions {
  /**
   * Pauses an invocation that waits for a person, instead of looking every `parked`: Restate lists it as paused, and whoever
   * has decided resumes it. Default false.
   */
  readonly pause?: boolean;
}

/** A `ctx.run` whose effect is made once. Undefined: it was skipped, or its result is not kept any more. */
export type GuardedRun<Payload, Result> = (
  ctx: Context,
  payload: Payload,
  options?: RunOptions<Result | undefined>,
) => RestatePromise<Result | undefined>;

/** How often each action has been run in this attempt of an invocation. A replay counts anew, in the same order. */
const counted = new WeakMap<Request, Map<string, number>>();

/**
 * A step of Restate handlers that makes its effect once, for each invocation and place in it or for each business key,
 * however often Restate runs it. `done` returns the result; `later` is a `RetryableError` with its delay; `never` a
 * `TerminalError`. The handler gets the invocation's request, and not its context, which must not be used inside of a run.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`
 */
export function guardRun<Input, Result>(
  guard: Guard,
  action: JobAction<Input, Result>,
  options?: JobOptions<Request> & RestateOptions,
): GuardedRun<Input, Result>;
export function guardRun<Payload, Result>(
  guard: Guard,
  handler: JobHandler<Payload, Result, Request>,
  rule: JobRule<Payload, Result, Request> & RestateOptions,
): GuardedRun<Payload, Result>;
export function guardRun<Payload, Result>(
  guard: Guard,
  given: JobAction<Payload, Result> | JobHandler<Payload, Result, Request>,
  { pause = false, ...more }: (JobOptions<Request> | JobRule<Payload, Result, Request>) & RestateOptions = {},
): GuardedRun<Payload, Result> {
  const work = jobWork(given, more);
  const deliver = guardedJob(guard, work);
  const action = "action" in work ? work.action.name : work.rule.action;
  return (ctx, payload, options = {}) => {
    const request = ctx.request();
    const callId = `${request.id}/${ordinalOf(request, action)}`;
    const run = async (): Promise<Result | undefined> => {
      const verdict = await deliver({
        job: request,
        payload,
        scope: `restate:${request.target}`,
        callId,
        again: false, // Restate does not say
        runId: request.id,
        signal: request.attemptCompletedSignal,
      });
      if (verdict.verdict === "done") return verdict.result;
      throw verdict.verdict === "never" ? terminal(verdict) : retryable(verdict, pause);
    };
    return ctx.run(action, run, options);
  };
}

function ordinalOf(request: Request, action: string): number {
  const ordinals = counted.get(request) ?? new Map<string, number>();
  counted.set(request, ordinals);
  const ordinal = (ordinals.get(action) ?? 0) + 1;
  ordinals.set(action, ordinal);
  return ordinal;
}

function retryable({ message, delayMs, waitsForPerson }: Later, pause: boolean): Error {
  return pause && waitsForPerson ? new PauseError(message) : new RetryableError(message, { retryAfter: delayMs });
}

/** The code reaches whoever called through the ingress. */
function terminal({ outcome, message }: Never): TerminalError {
  if (outcome === null) return new TerminalError(message, { errorCode: 400 });
  const { status, requestId } = outcome;
  const code = HTTP_STATUS[status];
  const errorCode = code < 400 ? 409 : code;
  return new TerminalError(message, { errorCode, metadata: { status, request_id: requestId } });
}
