// A worker of SQS messages: the real sqs-consumer, with a guarded handler or with one as people write it.
import { type Message, SQSClient } from "@aws-sdk/client-sqs";
import { guardMessage } from "../../../src/adapters/sqs/index.ts";
import { asWorker } from "../engine-workers/fork-worker.ts";
import { guardOn, type PaymentOptions, payments } from "../engine-workers/payments.ts";

export interface SqsWorkerOptions extends PaymentOptions {
  readonly endpoint: string;
  readonly queueUrl: string;
  /** `sqs-consumer`, or the major before. */
  readonly consumer: string;
}

const { options, ready } = asWorker<SqsWorkerOptions>();
const { endpoint, queueUrl } = options;
const { Consumer } = (await import(options.consumer)) as typeof import("sqs-consumer");
const sqs = new SQSClient({ endpoint, region: "eu-west-1", credentials: { accessKeyId: "x", secretAccessKey: "x" } });
const { pay, rule } = payments(options);

const handleMessage = options.guarded
  ? guardMessage(guardOn(options.store), { sqs, queueUrl, visibilityTimeout: "1s" }, pay, rule)
  : async (message: Message) => {
      await pay(JSON.parse(message.Body ?? ""));
      return message;
    };

const consumer = Consumer.create({
  queueUrl,
  sqs,
  handleMessage,
  waitTimeSeconds: 1,
  messageSystemAttributeNames: ["ApproximateReceiveCount"],
});
for (const event of ["error", "processing_error"] as const) consumer.on(event, () => undefined);
consumer.start();
ready();
