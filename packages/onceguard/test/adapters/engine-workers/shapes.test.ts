import { type Message, SQSClient } from "@aws-sdk/client-sqs";
import type { Request } from "@restatedev/restate-sdk";
import type { Info } from "@temporalio/activity";
import type { ConsumerRunConfig } from "kafkajs";
import type { ConsumerOptions } from "sqs-consumer";
import { afterAll, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { guardConsumer, type KafkaJob } from "../../../src/adapters/kafka/index.ts";
import { guardBatch, type SqsRecord } from "../../../src/adapters/lambda/index.ts";
import { type GuardedRun, guardRun } from "../../../src/adapters/restate/index.ts";
import { guardMessage } from "../../../src/adapters/sqs/index.ts";
import { type GuardedActivity, guardActivity } from "../../../src/adapters/temporal/index.ts";
import { createGuard, defineAction } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";

// What these five adapters have in common: both forms, the types that come through, and what they refuse.

interface Charge {
  readonly order: string;
}
interface Paid {
  readonly receipt: number;
}

const guard = createGuard({ store: memoryStore(), sweepEvery: false });
const sqs = new SQSClient({ region: "eu-west-1", credentials: { accessKeyId: "x", secretAccessKey: "x" } });
const queue = { sqs, queueUrl: "http://127.0.0.1:1/0/charges" };
const deadLetter = (): void => undefined;
afterAll(async () => {
  sqs.destroy();
  await guard.close();
});

let made = 0;
const charge = defineAction({
  name: "charge",
  riskTier: "side_effecting",
  input: z.object({ order: z.string() }),
  keyFields: ["order"],
  execute: (): Paid => ({ receipt: ++made }),
});
const rule = (action: string) => ({ action, riskTier: "side_effecting", keyFields: ["order"] }) as const;

describe("an action, or a handler with its rule", () => {
  it("keeps the types of its payload and its result", () => {
    expectTypeOf(guardRun(guard, charge)).toEqualTypeOf<GuardedRun<{ order: string }, Paid>>();
    expectTypeOf(guardActivity(guard, charge)).toEqualTypeOf<GuardedActivity<{ order: string }, Paid>>();
    const run = guardRun(guard, ({ order }: Charge, request: Request) => order + request.id, rule("run"));
    expectTypeOf(run).toEqualTypeOf<GuardedRun<Charge, string>>();
    const activity = guardActivity(guard, async (_: Charge, { attempt }: Info) => attempt, rule("activity"));
    expectTypeOf(activity).toEqualTypeOf<GuardedActivity<Charge, number>>();
    const message = guardMessage(guard, queue, (_: Charge, { MessageId }: Message) => MessageId, rule("message"));
    expectTypeOf(message).toExtend<NonNullable<ConsumerOptions["handleMessage"]>>();
    const consumer = guardConsumer(guard, (_: Charge, { topic }: KafkaJob) => topic, {
      ...rule("consumer"),
      deadLetter,
    });
    expectTypeOf(consumer).toExtend<ConsumerRunConfig>();
    // @ts-expect-error: Kafka has no place for what will never be done
    const forgetful = () => guardConsumer(guard, (_: Charge) => 1, rule("forgetful"));
    expect(forgetful).toBeTypeOf("function");
  });

  it("is one and the same request in a queue that both SQS workers and Lambda read", async () => {
    const byMessage = { action: "note", riskTier: "side_effecting" } as const;
    let notes = 0;
    const note = (_: Charge): number => ++notes;
    const message = { MessageId: "m-1", ReceiptHandle: "r", Body: '{"order":"A1"}' };
    expect(await guardMessage(guard, queue, note, byMessage)(message)).toBe(message);
    const record: SqsRecord = {
      messageId: "m-1",
      body: message.Body,
      eventSourceARN: "arn:aws:sqs:eu-west-1:0:charges-dlq", // it may have become a dead letter in between
      attributes: { ApproximateReceiveCount: "2" },
    };
    const handler = guardBatch(guard, note, byMessage);
    const answer = await handler({ Records: [record] }, { getRemainingTimeInMillis: () => 30_000 });
    expect([answer, notes]).toEqual([{ batchItemFailures: [] }, 1]);
  });

  it("runs an action by its business key, whichever engine brings it", async () => {
    const message = { MessageId: "m-2", ReceiptHandle: "r", Body: '{"order":"A2"}' };
    const context = { getRemainingTimeInMillis: () => 30_000 };
    const record = {
      messageId: "m-3",
      body: message.Body,
      eventSourceARN: "",
      attributes: { ApproximateReceiveCount: "1" },
    };
    expect(await guardMessage(guard, queue, charge)(message)).toBe(message);
    expect(await guardBatch(guard, charge)({ Records: [record] }, context)).toEqual({ batchItemFailures: [] });
    expect(made).toBe(1);
  });

  it("is refused where it says what nobody knows, or nothing that could be guarded", async () => {
    const misspelt = { ...rule("misspelt"), keyField: "order" };
    expect(() => guardRun(guard, (_: Charge) => 1, misspelt)).toThrow(
      expect.objectContaining({ code: "invalid_action" }),
    );
    const safe = { ...rule("search"), riskTier: "safe" } as const;
    expect(() => guardActivity(guard, (_: Charge) => 1, safe)).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
    // What has no name at all is not taken for one with all others of that kind.
    const nameless = guardMessage(guard, queue, (_: Charge) => 1, { action: "nameless", riskTier: "side_effecting" });
    await expect(nameless({ Body: '{"order":"A1"}' })).rejects.toMatchObject({ code: "invalid_context" });
  });
});
