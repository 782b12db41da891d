import { type Duration, durationMs } from "../../core/duration.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { guardedJob, type JobHandler, type JobOptions, type JobRule } from "../guarded-job.ts";
import type { Later, Never } from "../job-verdict.ts";
import { type JobAction, jobWork } from "../job-work.ts";
import { withPayload } from "../message-payload.ts";
import { type LambdaRecord, lanesOf, placeOf } from "./records.ts";

/** Options of a guarded batch in Lambda. */
export interface LambdaOptions<Item> {
  /**
   * How the payload is read. Default: the body of an SQS message and the data of a Kinesis record are JSON; of DynamoDB, what
   * it says of the change.
   */
  readonly payload?: (record: Item) => unknown;
  /** Told why a record is not done, for a log or a metric: Lambda keeps no reasons. */
  readonly report?: (verdict: Later | Never, record: Item) => void;
  /** How long before Lambda's own timeout it answers, without what is still under way. Default 2 s. */
  readonly reserve?: Duration;
}

/** Of Lambda's context, what is needed here. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

/** Tells Lambda which records it has to deliver again; the event source mapping needs `ReportBatchItemFailures`. */
export type GuardedBatch<Item> = (
  event: { readonly Records: readonly Item[] },
  context: LambdaContext,
) => Promise<{ batchItemFailures: { itemIdentifier: string }[] }>;

/**
 * A Lambda handler of events from SQS, Kinesis or DynamoDB that makes the effect of a record once, however often Lambda
 * delivers it. What is not `done` is reported as failed, and goes where Lambda and the queue put that.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`
 */
export function guardBatch<Input, Result, Item extends LambdaRecord = LambdaRecord>(
  guard: Guard,
  action: JobAction<Input, Result>,
  options?: JobOptions<Item> & LambdaOptions<Item>,
): GuardedBatch<Item>;
export function guardBatch<Payload, Result, Item extends LambdaRecord = LambdaRecord>(
  guard: Guard,
  handler: JobHandler<Payload, Result, Item>,
  rule: JobRule<Payload, Result, Item> & LambdaOptions<Item>,
): GuardedBatch<Item>;
export function guardBatch<Payload, Result, Item extends LambdaRecord>(
  guard: Guard,
  given: JobAction<Payload, Result> | JobHandler<Payload, Result, Item>,
  more: (JobOptions<Item> | JobRule<Payload, Result, Item>) & LambdaOptions<Item> = {},
): GuardedBatch<Item> {
  const { payload: read, report, reserve = "2s", ...rest } = more;
  const deliver = guardedJob(guard, jobWork(given, rest));
  const reserveMs = durationMs(reserve, "reserve");

  const isDone = async (record: Item, signal: AbortSignal): Promise<boolean> => {
    const { scope, callId, again, payload } = placeOf(record);
    const verdict = await withPayload(
      () => (read ?? payload)(record),
      (given) => deliver({ job: record, payload: given, scope, callId, again, signal }),
    );
    if (verdict.verdict !== "done") report?.(verdict, record);
    return verdict.verdict === "done";
  };

  /** One after the other, up to the first that is not done: the rest of the lane has to wait for it. */
  const undoneOf = async (lane: readonly Item[], signal: AbortSignal): Promise<readonly Item[]> => {
    for (const [n, record] of lane.entries()) {
      if (signal.aborted || !(await isDone(record, signal))) return lane.slice(n);
    }
    return [];
  };

  return async ({ Records }, context) => {
    const ending = new AbortController();
    const leftMs = context.getRemainingTimeInMillis() - reserveMs;
    if (leftMs <= 0) ending.abort();
    const timer = setTimeout(() => ending.abort(), Math.max(0, leftMs));
    try {
      const undone = await Promise.all(lanesOf(Records).map((lane) => undoneOf(lane, ending.signal)));
      return { batchItemFailures: undone.flat().map((record) => ({ itemIdentifier: placeOf(record).item })) };
    } finally {
      clearTimeout(timer);
    }
  };
}
