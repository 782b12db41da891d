import { setTimeout as sleep } from "node:timers/promises";
import { DeleteMessageCommand, type Message, ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import type { EngineWorker } from "../engine-workers/fork-worker.ts";
import type { Invocation } from "./lambda-worker-process.ts";

/** Between a queue and a Lambda function. */
export interface EventSourceMapping {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly timeoutMs: number;
  /** A new environment of the function. */
  readonly start: () => Promise<EngineWorker>;
}

/**
 * Does what Lambda does between a queue and a function, for as long as `isOver` does not hold: receives a batch, invokes an
 * environment with it, kills one that has not answered at its timeout, deletes what was not reported as failed.
 */
export async function mapEvents(mapping: EventSourceMapping, isOver: () => boolean): Promise<void> {
  const { sqs, queueUrl: QueueUrl, timeoutMs, start } = mapping;
  let environment: EngineWorker | null = null;
  const all = { QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ["All" as const], WaitTimeSeconds: 1 };
  while (!isOver()) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(all));
    if (Messages.length === 0) continue;
    environment ??= await start();
    const invocation: Invocation = { event: eventOf(Messages), timeoutMs };
    const answer = environment.ask<SQSBatchResponse>(invocation).catch(() => null);
    const response = await Promise.race([answer, sleep(timeoutMs, null)]);
    if (response === null) {
      await environment.kill("SIGKILL");
      environment = null;
      continue;
    }
    const failed = new Set(response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const { MessageId, ReceiptHandle } of Messages) {
      if (!failed.has(MessageId ?? "")) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }
}

export function eventOf(messages: readonly Message[]): SQSEvent {
  return {
    Records: messages.map(({ MessageId = "", ReceiptHandle = "", Body = "", MD5OfBody = "", Attributes }) => ({
      messageId: MessageId,
      receiptHandle: ReceiptHandle,
      body: Body,
      md5OfBody: MD5OfBody,
      attributes: {
        ApproximateReceiveCount: Attributes?.ApproximateReceiveCount ?? "1",
        SentTimestamp: "0",
        SenderId: "test",
        ApproximateFirstReceiveTimestamp: "0",
      },
      messageAttributes: {},
      eventSource: "aws:sqs",
      eventSourceARN: "arn:aws:sqs:eu-west-1:000000000000:payments",
      awsRegion: "eu-west-1",
    })),
  };
}
