import { setTimeout as sleep } from "node:timers/promises";
import { OnceguardError } from "../../core/errors.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { guardedJob, type JobHandler, type JobOptions, type JobRule } from "../guarded-job.ts";
import { type JobAction, jobWork } from "../job-work.ts";

/** What this adapter uses of the class `DBOS`. */
export interface DbosLike {
  readonly workflowID: string | undefined;
  readonly stepID: number | undefined;
  /** From 5 on with a `cancelSignal`. */
  readonly stepStatus?: object | undefined;
  runStep<Return>(run: () => Promise<Return>, config?: { name?: string; retriesAllowed?: boolean }): Promise<Return>;
}

/** Where in which workflow a step is. */
export interface WorkflowStep {
  readonly workflowID: string;
  readonly stepID: number;
}

interface Options {
  /** The step's name in the workflow's history. Default: the action's. */
  readonly step?: string;
}
/** Options of a guarded step: those of every engine, and those of DBOS's own steps. */
export type StepOptions = JobOptions<WorkflowStep> & Options;

/** As DBOS keeps it: the result, or why there is none. */
type Settled<Result> =
  | { readonly done: true; readonly result: Result | undefined }
  | { readonly done: false; readonly message: string; readonly status: string; readonly requestId: string | null };

/**
 * A DBOS step that makes its effect once, to be called in a workflow. While the answer is `later` the step is not over: it
 * asks again, in this process or in the one that recovers the workflow. DBOS's own retries of the step are off. `never` is
 * thrown in the workflow, after the step, whose record says why.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`. The step itself:
 *   `outcome_not_success`, with status and requestId in `fields.outcome`, for what will never be done; `invalid_context` outside of
 *   a workflow
 */
export function guardStep<Input, Result>(
  dbos: DbosLike,
  guard: Guard,
  action: JobAction<Input, Result>,
  options?: StepOptions,
): (payload: Input) => Promise<Result | undefined>;
export function guardStep<Payload, Result>(
  dbos: DbosLike,
  guard: Guard,
  handler: JobHandler<Payload, Result, WorkflowStep>,
  rule: JobRule<Payload, Result, WorkflowStep> & Options,
): (payload: Payload) => Promise<Result | undefined>;
export function guardStep<Payload, Result>(
  dbos: DbosLike,
  guard: Guard,
  given: JobAction<Payload, Result> | JobHandler<Payload, Result, WorkflowStep>,
  more: (JobOptions<WorkflowStep> | JobRule<Payload, Result, WorkflowStep>) & Options = {},
): (payload: Payload) => Promise<Result | undefined> {
  const { step, ...rest } = more;
  // The step waits in any case: rather in the guard, which hears sooner what became of it.
  const work = jobWork(given, { wait: "30s", ...rest });
  const name = step ?? ("rule" in work ? work.rule.action : work.action.name);
  const deliver = guardedJob(guard, work);

  /** In the step. Waiting here costs DBOS nothing: a durable sleep between two steps would wait in this process as well. */
  async function settled(payload: Payload): Promise<Settled<Result>> {
    const { workflowID, stepID } = dbos;
    if (workflowID === undefined || stepID === undefined) throw outside(name);
    const { cancelSignal: signal } = (dbos.stepStatus ?? {}) as { readonly cancelSignal?: AbortSignal };
    const delivery = {
      job: { workflowID, stepID },
      payload,
      scope: `dbos:${workflowID}`,
      callId: `${name}:${stepID}`,
      signal,
    };
    for (let again = false; ; again = true) {
      const verdict = await deliver({ ...delivery, again });
      if (verdict.verdict === "done") return { done: true, result: verdict.result };
      const { message, outcome } = verdict;
      if (verdict.verdict === "never") {
        return { done: false, message, status: outcome?.status ?? "invalid", requestId: outcome?.requestId ?? null };
      }
      // Unreferenced: when everything else in this process has ended, nobody waits for the answer here.
      await sleep(verdict.delayMs, undefined, { ref: false, ...(signal && { signal }) });
    }
  }

  return async (payload) => {
    if (dbos.workflowID === undefined) throw outside(name);
    const answer = await dbos.runStep(() => settled(payload), { name, retriesAllowed: false });
    if (answer.done) return answer.result;
    const { message, status, requestId } = answer;
    throw new OnceguardError("outcome_not_success", message, { outcome: { status, requestId } });
  };
}

function outside(name: string): OnceguardError {
  const message = `The guarded step "${name}" was called outside of a workflow, so nothing names its call. Nothing was sent.`;
  return new OnceguardError("invalid_context", message, { what: "workflowID" });
}
