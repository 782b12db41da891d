// A consumer of Kafka: the real kafkajs, guarded or with a handler as people write it.
import kafkajs, { type EachMessagePayload } from "kafkajs";
import { guardConsumer } from "../../../src/adapters/kafka/index.ts";
import { asWorker } from "../engine-workers/fork-worker.ts";
import { guardOn, type PaymentOptions, payments } from "../engine-workers/payments.ts";

export interface KafkaWorkerOptions extends PaymentOptions {
  readonly broker: string;
  readonly topic: string;
}

/** What a worker has seen. */
export interface Seen {
  readonly heartbeats: number;
  readonly deadLetters: readonly string[];
}

const { options, ready, onAsk } = asWorker<KafkaWorkerOptions>();
const { topic } = options;
const { pay, rule } = payments(options);
const seen = { heartbeats: 0, deadLetters: [] as string[] };

const kafka = new kafkajs.Kafka({ brokers: [options.broker], logLevel: kafkajs.logLevel.NOTHING });
const consumer = kafka.consumer({
  groupId: topic,
  sessionTimeout: 3_000,
  heartbeatInterval: 300,
  maxWaitTimeInMs: 200, // a partition that goes on is part of the next fetch
  retry: { initialRetryTime: 50, retries: 2 },
});
consumer.on("consumer.heartbeat", () => {
  seen.heartbeats++;
});
onAsk((): Seen => seen);

await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run(
  options.guarded
    ? guardConsumer(guardOn(options.store), pay, {
        ...rule,
        deadLetter: (_job, why) => seen.deadLetters.push(why.message),
      })
    : {
        eachMessage: ({ message }: EachMessagePayload) => pay(JSON.parse(String(message.value))).then(() => undefined),
      },
);
ready();
