import type { EachBatchPayload, KafkaMessage } from "kafkajs";
import type { Guard } from "../../pipeline/guard.ts";
import { guardedJob, type JobHandler, type JobOptions, type JobRule } from "../guarded-job.ts";
import type { Never, Verdict } from "../job-verdict.ts";
import { type JobAction, jobWork } from "../job-work.ts";
import { jsonOf, withPayload } from "../message-payload.ts";

/** A message, and where it stands. */
export interface KafkaJob {
  readonly topic: string;
  readonly partition: number;
  readonly message: KafkaMessage;
}

/** Options of a guarded consumer of Kafka. */
export interface KafkaOptions {
  /**
   * Takes what will never be done, such as into a dead-letter topic: Kafka has no place for it, and the partition goes on
   * behind it. Where it throws, the message stays where it is.
   */
  readonly deadLetter: (job: KafkaJob, why: Never) => unknown;
  /** How the payload is read. Default: the value is JSON. */
  readonly payload?: (job: KafkaJob) => unknown;
}

/** What `consumer.run` takes. */
export interface GuardedConsumer {
  readonly eachBatch: (batch: EachBatchPayload) => Promise<void>;
  readonly eachBatchAutoResolve: false;
}

/** How often the group is told that the consumer is alive; kafkajs sends what its `heartbeatInterval` allows of that. */
const BEAT_MS = 1_000;

/**
 * Has a consumer of kafkajs (`consumer.run`) make the effect of a message once, however often Kafka delivers it. `done`
 * resolves the offset; `later` pauses the partition until then, and the others go on; `never` resolves it once it is a dead
 * letter.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `schema_required`
 */
export function guardConsumer<Input, Result>(
  guard: Guard,
  action: JobAction<Input, Result>,
  options: JobOptions<KafkaJob> & KafkaOptions,
): GuardedConsumer;
export function guardConsumer<Payload, Result>(
  guard: Guard,
  handler: JobHandler<Payload, Result, KafkaJob>,
  rule: JobRule<Payload, Result, KafkaJob> & KafkaOptions,
): GuardedConsumer;
export function guardConsumer<Payload, Result>(
  guard: Guard,
  given: JobAction<Payload, Result> | JobHandler<Payload, Result, KafkaJob>,
  more: (JobOptions<KafkaJob> | JobRule<Payload, Result, KafkaJob>) & KafkaOptions,
): GuardedConsumer {
  const {
    deadLetter,
    payload: read = ({ message }: KafkaJob) => jsonOf(message.value?.toString("utf8")),
    ...rest
  } = more;
  const deliver = guardedJob(guard, jobWork(given, rest));

  const verdictOn = (job: KafkaJob, beat: () => Promise<void>): Promise<Verdict<Result>> => {
    const { topic, partition, message } = job;
    return withPayload(
      () => read(job),
      (payload) =>
        deliver({
          job,
          payload,
          scope: `kafka:${topic}`,
          // A topic that is made anew has the offsets of the old one once more, but not its times.
          callId: `${partition}/${message.offset}@${message.timestamp}`,
          again: false, // Kafka does not say
          heartbeat: { everyMs: BEAT_MS, beat },
        }),
    );
  };

  const eachBatch = async (batch: EachBatchPayload): Promise<void> => {
    const { topic, partition, messages } = batch.batch;
    for (const message of messages) {
      if (!batch.isRunning() || batch.isStale()) return;
      const job = { topic, partition, message };
      const verdict = await verdictOn(job, batch.heartbeat);
      if (verdict.verdict === "later") {
        setTimeout(batch.pause(), verdict.delayMs).unref();
        return;
      }
      if (verdict.verdict === "never") await deadLetter(job, verdict);
      batch.resolveOffset(message.offset);
      await batch.heartbeat();
    }
  };
  // kafkajs would otherwise resolve the whole batch when `eachBatch` returns.
  return { eachBatch, eachBatchAutoResolve: false };
}
