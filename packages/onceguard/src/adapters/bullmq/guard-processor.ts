import type { Guard } from "../../pipeline/guard.ts";
import { guardedJob, type JobHandler, type JobOptions, type JobRule } from "../guarded-job.ts";
import { type JobAction, jobWork } from "../job-work.ts";

/** What this adapter uses of a BullMQ job; any of its `Job`s fits. */
export interface QueueJob {
  readonly id?: string | undefined;
  readonly data: unknown;
  /** When it was added, in ms since 1970. */
  readonly timestamp: number;
  /** Prefix and queue. */
  readonly queueQualifiedName: string;
  readonly attemptsStarted: number;
  moveToDelayed(timestamp: number, token?: string): Promise<void>;
}

/** A processor as `new Worker(queue, processor)` takes it. */
export type GuardedProcessor<Result, Job> = (job: Job, token?: string, signal?: AbortSignal) => Promise<Result>;

/**
 * A BullMQ processor that makes the effect of a job once. `done` returns the result; `later` moves the job to the delayed
 * ones, at no cost of an attempt; `never` is an `UnrecoverableError`, whatever attempts are left. BullMQ renews the job's
 * lock and the guard its own lease, side by side.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`
 */
export function guardProcessor<Input, Result, Job extends QueueJob = QueueJob>(
  guard: Guard,
  action: JobAction<Input, Result>,
  options?: JobOptions<Job>,
): GuardedProcessor<Result | undefined, Job>;
export function guardProcessor<Payload, Result, Job extends QueueJob = QueueJob>(
  guard: Guard,
  handler: JobHandler<Payload, Result, Job>,
  rule: JobRule<Payload, Result, Job>,
): GuardedProcessor<Result | undefined, Job>;
export function guardProcessor<Payload, Result, Job extends QueueJob = QueueJob>(
  guard: Guard,
  given: JobAction<Payload, Result> | JobHandler<Payload, Result, Job>,
  more: JobOptions<Job> | JobRule<Payload, Result, Job> = {},
): GuardedProcessor<Result | undefined, Job> {
  const deliver = guardedJob(guard, jobWork(given, more));
  return async (job, token, signal) => {
    const verdict = await deliver({
      job,
      payload: job.data,
      scope: `bullmq:${job.queueQualifiedName}`,
      callId: callIdOf(job),
      again: job.attemptsStarted > 1,
      signal,
    });
    if (verdict.verdict === "done") return verdict.result;
    if (verdict.verdict === "never") throw named("UnrecoverableError", verdict.message);
    // Where the lock has gone, or Redis: then BullMQ finds the job stalled and delivers it again. An ordinary error would cost
    // an attempt, and perhaps the last one.
    await job.moveToDelayed(Date.now() + verdict.delayMs, token).catch(() => undefined);
    throw named("DelayedError", verdict.message);
  };
}

/** BullMQ numbers jobs from 1, and from 1 again when its Redis has been emptied. An id of one's own names the job for good. */
function callIdOf({ id, timestamp }: QueueJob): string {
  return id === undefined || /^\d+$/.test(id) ? `${id}@${timestamp}` : id;
}

/** BullMQ knows its errors by their names, so that its code need not be loaded here. */
function named(name: "DelayedError" | "UnrecoverableError", message: string): Error {
  return Object.assign(new Error(message), { name });
}
