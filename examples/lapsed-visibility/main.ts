import { join } from "node:path";
import { type Message, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createGuard } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { guardMessage } from "onceguard/sqs";
import { Consumer } from "sqs-consumer";
import { z } from "zod";
// Stands in for Amazon's: the AWS SDK and sqs-consumer below are the real ones.
import { startSqsServer } from "../../packages/onceguard/test/adapters/sqs/sqs-server.ts";
import { find, post } from "../support/http.ts";
import { holds, say, side, story, until } from "../support/story.ts";
import type { World } from "../support/world.ts";

const Refund = z.object({ order: z.string(), amount: z.int() });
type Refund = z.infer<typeof Refund>;

type Handle = (message: Message) => Promise<Message | undefined>;

await story("A queue whose visibility timeout is shorter than the bank is slow", async () => {
  const server = await startSqsServer();
  const credentials = { accessKeyId: "example", secretAccessKey: "example" };
  const sqs = new SQSClient({ endpoint: server.endpoint, region: "eu-west-1", credentials });

  /** Two workers on a queue with one message. The bank takes the first refund and is slow to say so. */
  const work = async (bank: World, handle: Handle, queueUrl: string, queue: string): Promise<number> => {
    await bank.cue({ fault: "hold" });
    const MessageBody = JSON.stringify({ order: "A-1001", amount: 500 });
    await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
    const start = (name: string): Consumer => {
      const handleMessage: Handle = (message) => {
        say(`${name} got the message`);
        return handle(message);
      };
      const consumer = Consumer.create({ sqs, queueUrl, handleMessage, waitTimeSeconds: 1 });
      consumer.on("error", () => undefined);
      consumer.start();
      return consumer;
    };
    const workers = [start("worker 1")];
    await until("the bank has the refund", () => bank.requests("refunds").length === 1);
    workers.push(start("worker 2"));
    await until("the message is done", () => server.messages(queue).length === 0);
    for (const worker of workers) worker.stop({ abort: true });
    return bank.effects("refunds").length;
  };

  const without = await side("Without the guard", {}, async (bank) => {
    const queueUrl = server.createQueue("without", { visibilityTimeout: 1 });
    const handle: Handle = async (message) => {
      await post(`${bank.url}/refunds`, JSON.parse(message.Body ?? ""));
      return message;
    };
    return work(bank, handle, queueUrl, "without");
  });

  const guarded = await side("With the guard", {}, async (bank) => {
    const queueUrl = server.createQueue("with", { visibilityTimeout: 1 });
    // The bank will never answer: nobody has to wait for it at the end.
    const guard = createGuard({ store: sqliteStore({ path: join(bank.folder, "onceguard.db") }), grace: 0 });
    const queue = { sqs, queueUrl, visibilityTimeout: "1s" };
    const handle = guardMessage(guard, queue, (input: Refund) => post<Refund>(`${bank.url}/refunds`, input), {
      action: "refund",
      input: Refund,
      keyFields: ["order"],
      timeout: "3s", // how long the guard waits for the bank
      probe: async ({ order }) => {
        const [result] = await find<Refund>(`${bank.url}/refunds`, { order });
        return result ? { answer: "happened", result } : { answer: "did_not_happen" };
      },
    });
    const refunds = await work(bank, handle, queueUrl, "with");
    await guard.close();
    return refunds;
  });

  sqs.destroy();
  await server.stop();
  console.log();
  holds("refunds without the guard", without, 2);
  holds("refunds with the guard", guarded, 1);
});
process.exit(); // the first worker of the first side still waits for its bank
