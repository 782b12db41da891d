import type {
  DynamoDBStreamHandler,
  KinesisStreamEvent,
  KinesisStreamHandler,
  SQSHandler,
  SQSRecord,
} from "aws-lambda";
import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import {
  type DynamoDbRecord,
  guardBatch,
  type JobRule,
  type KinesisRecord,
  type SqsRecord,
} from "../../../src/adapters/lambda/index.ts";
import { createGuard, type Guard } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { eventOf } from "./event-source-mapping.ts";

const guards: Guard[] = [];
afterEach(async () => {
  for (const guard of guards.splice(0)) await guard.close();
});

const ENOUGH = { getRemainingTimeInMillis: () => 30_000 };

interface Order {
  readonly order: string;
}

/** A function that pays, and refuses what `refused` says. */
function paying(named = true) {
  const guard = createGuard({ store: memoryStore(), sweepEvery: false });
  guards.push(guard);
  const made: string[] = [];
  const refused = new Set<string>();
  const rule: JobRule<Order, string, unknown> = {
    action: "pay",
    riskTier: "side_effecting",
    ...(named && { keyFields: ["order"] }),
  };
  const pay = ({ order }: Order): string => {
    if (refused.has(order)) throw Object.assign(new Error("no"), { status: 402 });
    made.push(order);
    return order;
  };
  return { guard, made, refused, pay, rule };
}

const failed = ({ batchItemFailures }: { batchItemFailures: { itemIdentifier: string }[] }) =>
  batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);

function fifo(messageId: string, group: string, order: string): SQSRecord {
  const [record] = eventOf([{ MessageId: messageId, Body: JSON.stringify({ order }) }]).Records as [SQSRecord];
  const attributes = { ...record.attributes, MessageGroupId: group };
  return { ...record, attributes, eventSourceARN: "arn:aws:sqs:eu-west-1:000000000000:payments.fifo" };
}

function kinesis(sequence: number, order: string): KinesisStreamEvent["Records"][number] {
  return {
    awsRegion: "eu-west-1",
    eventID: `shardId-000000000000:${sequence}`,
    eventName: "aws:kinesis:record",
    eventSource: "aws:kinesis",
    eventSourceARN: "arn:aws:kinesis:eu-west-1:000000000000:stream/payments",
    eventVersion: "1.0",
    invokeIdentityArn: "",
    kinesis: {
      approximateArrivalTimestamp: 0,
      data: Buffer.from(JSON.stringify({ order })).toString("base64"),
      kinesisSchemaVersion: "1.0",
      partitionKey: "p",
      sequenceNumber: String(sequence),
    },
  };
}

describe("the records of one event", () => {
  it("of a FIFO queue keep the order of their group, behind one that fails", async () => {
    const { guard, made, refused, pay, rule } = paying();
    refused.add("A1");
    const handler = guardBatch<Order, string, SqsRecord>(guard, pay, rule);
    const Records = [fifo("1", "A", "A1"), fifo("2", "B", "B1"), fifo("3", "A", "A2"), fifo("4", "B", "B2")];
    expect(failed(await handler({ Records }, ENOUGH))).toEqual(["1", "3"]);
    expect(made).toEqual(["B1", "B2"]);
    expectTypeOf(handler).toExtend<SQSHandler>();
  });

  it("of a Kinesis stream are done up to the first that fails, and from there delivered again", async () => {
    const { guard, made, refused, pay, rule } = paying(false);
    refused.add("K2");
    const handler = guardBatch<Order, string, KinesisRecord>(guard, pay, rule);
    const Records = [kinesis(1, "K1"), kinesis(2, "K2"), kinesis(3, "K3")];
    expect(failed(await handler({ Records }, ENOUGH))).toEqual(["2", "3"]);
    await handler({ Records: [kinesis(1, "K1"), kinesis(4, "K1")] }, ENOUGH);
    expect(made).toEqual(["K1", "K1"]); // the first is known, and the fourth is another one
    expectTypeOf(handler).toExtend<KinesisStreamHandler>();
  });

  it("of a DynamoDB stream are read as the function says", async () => {
    const { guard, made, pay, rule } = paying();
    const handler = guardBatch<
      Order,
      string,
      DynamoDbRecord & { dynamodb?: { NewImage?: { order?: { S?: string } } } }
    >(guard, pay, { ...rule, payload: ({ dynamodb }) => ({ order: dynamodb?.NewImage?.order?.S }) });
    const record = (SequenceNumber: string, order: string) => {
      const dynamodb = { SequenceNumber, NewImage: { order: { S: order } } };
      return { eventID: `event-${SequenceNumber}`, eventSourceARN: "arn:aws:dynamodb:table/orders", dynamodb };
    };
    const Records = [record("1", "D1"), record("2", "D1"), { ...record("3", ""), dynamodb: { SequenceNumber: "3" } }];
    expect(failed(await handler({ Records }, ENOUGH))).toEqual(["3"]);
    expect(made).toEqual(["D1"]);
    expectTypeOf(guardBatch<Order, string, DynamoDbRecord>(guard, pay, rule)).toExtend<DynamoDBStreamHandler>();
  });

  it("are all left for the next time when there is no time left", async () => {
    const { guard, made, pay, rule } = paying();
    const handler = guardBatch<Order, string, SqsRecord>(guard, pay, rule);
    const { Records } = eventOf([{ MessageId: "1", Body: '{"order":"A1"}' }]);
    const late = { getRemainingTimeInMillis: () => 1_000 };
    const first = await handler({ Records }, late);
    expect([failed(first), made]).toEqual([["1"], []]);
  });
});
