import { ApplicationFailure, Context, type Info } from "@temporalio/activity";
import type { Guard } from "../../pipeline/guard.ts";
import { outcomeOnWire } from "../../wire/outcome-wire.ts";
import { guardedJob, type JobHandler, type JobOptions, type JobRule } from "../guarded-job.ts";
import type { Later, Never } from "../job-verdict.ts";
import { type JobAction, jobWork } from "../job-work.ts";

/** An activity whose effect is made once. Undefined: it was skipped, or its result is not kept any more. */
export type GuardedActivity<Payload, Result> = (payload: Payload) => Promise<Result | undefined>;

/**
 * A Temporal activity that makes its effect once, for each run of a workflow and activity in it or for each business key,
 * however often Temporal runs it. `done` returns the result; `later` is a retryable `ApplicationFailure` with
 * `nextRetryDelay`, `never` one that is not retryable; their type is `onceguard/<status>`. It heartbeats for as long as it
 * runs; where it is cancelled while it waits, it ends as cancelled, and the effect goes on and is recorded.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`
 */
export function guardActivity<Input, Result>(
  guard: Guard,
  action: JobAction<Input, Result>,
  options?: JobOptions<Info>,
): GuardedActivity<Input, Result>;
export function guardActivity<Payload, Result>(
  guard: Guard,
  handler: JobHandler<Payload, Result, Info>,
  rule: JobRule<Payload, Result, Info>,
): GuardedActivity<Payload, Result>;
export function guardActivity<Payload, Result>(
  guard: Guard,
  given: JobAction<Payload, Result> | JobHandler<Payload, Result, Info>,
  more: JobOptions<Info> | JobRule<Payload, Result, Info> = {},
): GuardedActivity<Payload, Result> {
  const deliver = guardedJob(guard, jobWork(given, more));
  return async (payload, ...rest: never[]) => {
    if (rest.length > 0) throw tooMany(rest.length + 1);
    const context = Context.current();
    const { info, cancellationSignal } = context;
    const verdict = await deliver({
      job: info,
      payload,
      ...identityOf(info),
      again: info.attempt > 1,
      signal: cancellationSignal,
      // Without that timeout Temporal forbids heartbeats. What an earlier attempt has noted stays as it is.
      ...(info.heartbeatTimeoutMs && {
        heartbeat: { everyMs: info.heartbeatTimeoutMs / 3, beat: () => context.heartbeat(info.heartbeatDetails) },
      }),
    });
    if (verdict.verdict === "done") return verdict.result;
    if (verdict.verdict === "later" && cancellationSignal.aborted) throw cancellationSignal.reason;
    throw failureOf(verdict);
  };
}

/**
 * Activity ids begin anew with each run of a workflow (continue-as-new, cron, reset). By the workflow's id alone, the second
 * month's payment would be taken for the first.
 */
function identityOf(info: Info): { scope: string; callId: string; runId?: string } {
  const { namespace, workflowExecution, activityId, activityRunId = "" } = info;
  if (workflowExecution === undefined) {
    return { scope: `temporal:${namespace}`, callId: `${activityId}/${activityRunId}` };
  }
  const { workflowId, runId } = workflowExecution;
  return { scope: `temporal:${namespace}/${workflowId}`, callId: `${runId}/${activityId}`, runId: workflowId };
}

function failureOf(verdict: Later | Never): ApplicationFailure {
  const { outcome, message } = verdict;
  const said = {
    message,
    type: `onceguard/${outcome?.status ?? "invalid"}`,
    details: outcome ? [outcomeOnWire(outcome)] : [],
  };
  return verdict.verdict === "never"
    ? ApplicationFailure.create({ ...said, nonRetryable: true })
    : ApplicationFailure.create({ ...said, nextRetryDelay: verdict.delayMs, category: "BENIGN" }); // nothing went wrong
}

/** What is not in the payload would be neither hashed nor kept. */
function tooMany(count: number): ApplicationFailure {
  const message = `onceguard: a guarded activity takes one argument, and got ${count}; nothing was sent`;
  return ApplicationFailure.create({ message, type: "onceguard/invalid", nonRetryable: true });
}
