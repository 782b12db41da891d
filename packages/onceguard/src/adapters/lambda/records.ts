import { jsonOf } from "../message-payload.ts";

/** Of the events of `@types/aws-lambda`, what is needed here: whoever has no such package needs none. */
export type LambdaRecord = SqsRecord | KinesisRecord | DynamoDbRecord;

/** A message of SQS as Lambda gets it, as far as this adapter looks at it. */
export interface SqsRecord {
  readonly messageId: string;
  readonly body: string;
  readonly eventSourceARN: string;
  readonly attributes: { readonly ApproximateReceiveCount: string; readonly MessageGroupId?: string | undefined };
}

/** A record of a Kinesis stream, as far as this adapter looks at it. */
export interface KinesisRecord {
  readonly eventID: string;
  readonly eventSourceARN: string;
  readonly kinesis: { readonly data: string; readonly sequenceNumber: string };
}

/** A record of a DynamoDB stream, as far as this adapter looks at it. */
export interface DynamoDbRecord {
  readonly eventID?: string | undefined;
  readonly eventSourceARN?: string | undefined;
  readonly dynamodb?: { readonly SequenceNumber?: string | undefined } | undefined;
}

/** What a record is called: in the guard, and in the answer to Lambda. */
export interface Place {
  readonly scope: string;
  readonly callId: string;
  readonly again: boolean;
  readonly item: string;
  readonly payload: (record: unknown) => unknown;
}

export function placeOf(record: LambdaRecord): Place {
  if ("messageId" in record) {
    const { messageId, attributes, body } = record;
    const again = Number(attributes.ApproximateReceiveCount) > 1;
    // As in onceguard/sqs, so that a queue may be read by either.
    return { scope: "sqs", callId: messageId, again, item: messageId, payload: () => jsonOf(body) };
  }
  const { eventID = "", eventSourceARN = "" } = record;
  const stream = { scope: eventSourceARN, callId: eventID, again: false }; // streams do not say
  if ("kinesis" in record) {
    const { data, sequenceNumber } = record.kinesis;
    const payload = () => jsonOf(Buffer.from(data, "base64").toString("utf8"));
    return { ...stream, item: sequenceNumber, payload };
  }
  return { ...stream, item: record.dynamodb?.SequenceNumber ?? "", payload: () => record.dynamodb };
}

/**
 * Records that have to wait for each other: those of one group of a FIFO queue; and all of a stream, since Lambda delivers
 * again everything behind the first that failed.
 */
export function lanesOf<Item extends LambdaRecord>(records: readonly Item[]): readonly (readonly Item[])[] {
  return [...Map.groupBy(records, laneOf).values()];
}

function laneOf(record: LambdaRecord): string {
  if (!("messageId" in record)) return "";
  const { messageId, eventSourceARN, attributes } = record;
  return eventSourceARN.endsWith(".fifo") ? (attributes.MessageGroupId ?? "") : messageId;
}
