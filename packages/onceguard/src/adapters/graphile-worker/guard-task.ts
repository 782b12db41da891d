import type { Guard } from "../../pipeline/guard.ts";
import { afterSettling } from "../after-settling.ts";
import { guardedJob, type JobHandler, type JobOptions, type JobRule } from "../guarded-job.ts";
import type { Verdict } from "../job-verdict.ts";
import { type JobAction, jobWork } from "../job-work.ts";

/** What this adapter uses of a task's helpers; graphile-worker's own fit. */
export interface TaskHelpers {
  readonly job: {
    readonly id: string;
    readonly task_identifier: string;
    /** The one that runs included. */
    readonly attempts: number;
    readonly created_at: Date;
  };
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
  readonly abortSignal?: AbortSignal;
}

/** Where graphile-worker's own tables are. */
export interface SchemaOption {
  /** The schema that graphile-worker is installed in. Default `graphile_worker`. */
  readonly schema?: string;
}

/** A task as graphile-worker's task list has them: of any payload, which only the rule's `input` checks. */
export type GuardedTask<Helpers> = (payload: unknown, helpers: Helpers) => Promise<void>;

/**
 * A graphile-worker task that makes the effect of a job once. `done` returns, and the job is deleted. `later` and `never`
 * throw; once the job is released it is rescheduled without having cost an attempt, or failed for good, by the functions that
 * graphile-worker has for that.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`
 */
export function guardTask<Input, Result, Helpers extends TaskHelpers = TaskHelpers>(
  guard: Guard,
  action: JobAction<Input, Result>,
  options?: JobOptions<Helpers> & SchemaOption,
): GuardedTask<Helpers>;
export function guardTask<Payload, Result, Helpers extends TaskHelpers = TaskHelpers>(
  guard: Guard,
  handler: JobHandler<Payload, Result, Helpers>,
  rule: JobRule<Payload, Result, Helpers> & SchemaOption,
): GuardedTask<Helpers>;
export function guardTask<Payload, Result, Helpers extends TaskHelpers = TaskHelpers>(
  guard: Guard,
  given: JobAction<Payload, Result> | JobHandler<Payload, Result, Helpers>,
  more: (JobOptions<Helpers> | JobRule<Payload, Result, Helpers>) & SchemaOption = {},
): GuardedTask<Helpers> {
  const { schema = "graphile_worker", ...rest } = more;
  const deliver = guardedJob(guard, jobWork(given, rest));
  const functions = `"${schema.replaceAll('"', '""')}"`;
  return async (payload, helpers) => {
    const { job } = helpers;
    const verdict = await deliver({
      job: helpers,
      payload,
      scope: `graphile-worker:${job.task_identifier}`,
      // The number alone is given anew when the schema is installed anew.
      callId: `${job.id}@${job.created_at.getTime()}`,
      again: job.attempts > 1,
      signal: helpers.abortSignal,
    });
    if (verdict.verdict === "done") return;
    afterSettling(() => say(functions, verdict, helpers));
    throw new Error(verdict.message);
  };
}

/** Both functions leave a job alone that is locked: it takes once graphile-worker has released it. */
async function say(functions: string, verdict: Verdict, helpers: TaskHelpers): Promise<boolean> {
  const { job } = helpers;
  const [text, values] =
    verdict.verdict === "later"
      ? [
          `SELECT id FROM ${functions}.reschedule_jobs(ARRAY[$1::bigint], run_at => now() + $2::float8 * interval '1 ms', attempts => $3::int)`,
          [job.id, verdict.delayMs, job.attempts - 1],
        ]
      : [`SELECT id FROM ${functions}.permanently_fail_jobs(ARRAY[$1::bigint], $2::text)`, [job.id, verdict.message]];
  const { rows } = await helpers.query(text as string, values as unknown[]);
  return rows.length > 0;
}
