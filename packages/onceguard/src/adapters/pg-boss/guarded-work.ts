import type { Guard } from "../../pipeline/guard.ts";
import { afterSettling } from "../after-settling.ts";
import { guardedJob, type JobHandler, type JobOptions, type JobRule } from "../guarded-job.ts";
import type { Done, Verdict } from "../job-verdict.ts";
import { type JobAction, jobWork } from "../job-work.ts";

/** What this adapter uses of a pg-boss job, which it fetches with its metadata. */
export interface BossJob {
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
  readonly retryCount: number;
  readonly retryLimit: number;
  readonly deadLetter?: string | null;
  readonly signal?: AbortSignal;
}

/** What this adapter uses of pg-boss. */
export interface Boss {
  // biome-ignore lint/suspicious/noExplicitAny: pg-boss has an overload for each kind of handler
  work(name: string, options: any, handler: (jobs: any[]) => Promise<unknown>): Promise<string>;
  complete(name: string, id: string, data?: object): Promise<unknown>;
  retry(name: string, id: string): Promise<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: it has options that are of no use here
  getJobById(name: string, id: string, options?: any): Promise<{ readonly state: string } | null>;
  // biome-ignore lint/suspicious/noExplicitAny: an edit of a job that waits, from 12.25 on
  update?(...args: any[]): Promise<{ readonly updated: number }>;
  // biome-ignore lint/suspicious/noExplicitAny: only looked for
  upsert?(...args: any[]): Promise<unknown>;
}

/** pg-boss's own options of `work`, but for those that are the adapter's. */
export type WorkOptions = Readonly<Record<string, unknown>> & {
  readonly includeMetadata?: never;
  readonly perJobResults?: never;
  readonly transactional?: never;
};

interface Options {
  /** For `boss.work`. */
  readonly work?: WorkOptions;
}

/**
 * Has a queue of pg-boss worked on, with the effect of each job made once; what `boss.work` does otherwise. Each job of a
 * batch is settled by itself: `done` is completed with its result, `never` goes to the dead letters (or fails, where there are
 * none) whatever retries are left, `later` is tried again when it is due, at no cost of a retry.
 *
 * That takes pg-boss 12.25. Before, pg-boss has no words for the last two: both are failures, which are tried again when the
 * queue says so. The guard's answers are the same, and what is only put off is not lost when the retries are.
 *
 * @returns The worker's id, as `boss.work` does.
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`
 */
export function guardedWork<Input, Result>(
  boss: Boss,
  queue: string,
  guard: Guard,
  action: JobAction<Input, Result>,
  options?: JobOptions<BossJob> & Options,
): Promise<string>;
export function guardedWork<Payload, Result>(
  boss: Boss,
  queue: string,
  guard: Guard,
  handler: JobHandler<Payload, Result, BossJob>,
  rule: JobRule<Payload, Result, BossJob> & Options,
): Promise<string>;
export async function guardedWork<Payload, Result>(
  boss: Boss,
  queue: string,
  guard: Guard,
  given: JobAction<Payload, Result> | JobHandler<Payload, Result, BossJob>,
  more: (JobOptions<BossJob> | JobRule<Payload, Result, BossJob>) & Options = {},
): Promise<string> {
  const { work: workOptions = {}, ...rest } = more;
  const run = guardedJob(guard, jobWork(given, rest));
  const deliver = (job: BossJob): Promise<Verdict> =>
    run({
      job,
      payload: job.data,
      scope: `pg-boss:${queue}`,
      callId: job.id,
      again: job.retryCount > 0,
      signal: job.signal,
    });
  const each = settlesEach(boss);
  const settle = each ? settleEach : settleTogether;
  return boss.work(queue, { ...workOptions, includeMetadata: true, ...(each && { perJobResults: true }) }, (jobs) =>
    settle(boss, queue, jobs, deliver),
  );
}

/** Results per job, and edits of jobs that wait. `upsert` came last of them. */
function settlesEach(boss: Boss): boolean {
  return boss.upsert !== undefined;
}

type Deliver = (job: BossJob) => Promise<Verdict>;

/** With `perJobResults`. */
async function settleEach(boss: Boss, queue: string, jobs: readonly BossJob[], deliver: Deliver): Promise<unknown> {
  return Promise.all(
    jobs.map(async (job) => {
      const { id } = job;
      try {
        const verdict = await deliver(job);
        if (verdict.verdict === "done") return { id, status: "completed", output: verdict.result };
        const output = { message: verdict.message };
        if (verdict.verdict === "never") return { id, status: "deadletter", output };
        afterSettling(() => putOff(boss, queue, job, verdict.delayMs));
        return { id, status: "failed", output };
      } catch (error) {
        return { id, status: "failed", output: error };
      }
    }),
  );
}

/**
 * Once pg-boss has taken the job back for a retry: when that is due, and one retry more for the one it has cost. Where real
 * failures had used up all retries it has failed, and is had back, unless a dead letter was made of it: whoever reads those
 * has it then.
 */
async function putOff(boss: Boss, queue: string, job: BossJob, delayMs: number): Promise<boolean> {
  const { id, retryCount, retryLimit, deadLetter } = job;
  const isLast = retryCount >= retryLimit;
  if (isLast && deadLetter) return true;
  if (isLast) await boss.retry(queue, id);
  if (!settlesEach(boss)) return !isLast || (await boss.getJobById(queue, id))?.state === "retry";
  const startAfter = new Date(Date.now() + delayMs);
  const answer = await boss.update?.(queue, undefined, { id, startAfter, retryLimit: retryLimit + 1 });
  return (answer?.updated ?? 0) > 0;
}

/** Completes what is done, and has pg-boss fail the rest of the batch: only jobs that are still active are failed. */
async function settleTogether(boss: Boss, queue: string, jobs: readonly BossJob[], deliver: Deliver): Promise<unknown> {
  const verdicts = await Promise.allSettled(jobs.map(deliver));
  const open: unknown[] = [];
  for (const [index, settled] of verdicts.entries()) {
    const { id } = jobs[index] as BossJob;
    if (settled.status === "rejected") {
      open.push(settled.reason);
      continue;
    }
    const verdict = settled.value;
    if (verdict.verdict === "done") await boss.complete(queue, id, output(verdict));
    else open.push(new Error(verdict.message));
    if (verdict.verdict === "later") afterSettling(() => putOff(boss, queue, jobs[index] as BossJob, verdict.delayMs));
  }
  if (open.length > 0) throw open.length === 1 ? open[0] : new AggregateError(open, String(open[0]));
  return undefined;
}

function output({ result }: Done<unknown>): object | undefined {
  if (result === undefined || result === null) return undefined;
  return typeof result === "object" ? result : { value: result };
}
