import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** What a queue is told when it is made. */
export interface QueueSettings {
  /** How long a received message stays hidden, in s. Default 30. */
  readonly visibilityTimeout?: number;
  /** Where a message goes that was received so often and not deleted. */
  readonly redrive?: { readonly deadLetterQueue: string; readonly maxReceiveCount: number };
}

/**
 * As much of Amazon SQS as workers see of it: its JSON protocol over HTTP, visibility timeouts, receipt handles that the
 * next receive makes stale, dead-letter queues, redrive. The real AWS SDK and sqs-consumer talk to it.
 */
export interface SqsServer {
  readonly endpoint: string;
  /** Returns its URL. */
  createQueue(name: string, settings?: QueueSettings): string;
  /** What is in a queue, visible or not. */
  messages(queue: string): readonly { readonly id: string; readonly body: string; readonly receives: number }[];
  /** How often a message was hidden anew by a worker. */
  extensions(id: string): number;
  /** So many deletions are answered and not made: SQS may deliver a deleted message again. */
  forgetDeletions(queue: string, count: number): void;
  /** Moves everything back, as `StartMessageMoveTask` does: with new message ids. */
  redrive(deadLetterQueue: string, queue: string): void;
  stop(): Promise<void>;
}

interface Stored {
  id: string;
  readonly body: string;
  receives: number;
  /** When it can be received, in ms since the epoch. */
  visibleAt: number;
  handle: string | null;
}

interface Queue extends QueueSettings {
  messages: Stored[];
  toForget: number;
}

type Answer = Record<string, unknown>;

class Refusal extends Error {}

export async function startSqsServer(): Promise<SqsServer> {
  const queues = new Map<string, Queue>();
  const extended = new Map<string, number>();

  const queueOf = (name: string): Queue => {
    const queue = queues.get(name);
    if (!queue) throw new Refusal("QueueDoesNotExist");
    return queue;
  };

  const receive = async (queue: Queue, { MaxNumberOfMessages = 1, VisibilityTimeout, WaitTimeSeconds = 0 }: Asked) => {
    const until = Date.now() + WaitTimeSeconds * 1_000;
    for (;;) {
      const taken = visible(queue).slice(0, MaxNumberOfMessages);
      for (const message of taken) {
        message.receives++;
        message.visibleAt = Date.now() + (VisibilityTimeout ?? queue.visibilityTimeout ?? 30) * 1_000;
        message.handle = randomUUID();
      }
      if (taken.length > 0 || Date.now() >= until) return { Messages: taken.map(received) };
      await sleep(10);
    }
  };

  /** What was received too often is put aside when it would be received once more. */
  const visible = (queue: Queue): Stored[] => {
    const now = Date.now();
    const { redrive } = queue;
    const isVisible = ({ visibleAt }: Stored) => visibleAt <= now;
    if (redrive) {
      const worn = queue.messages.filter(
        (message) => isVisible(message) && message.receives >= redrive.maxReceiveCount,
      );
      queue.messages = queue.messages.filter((message) => !worn.includes(message));
      queueOf(redrive.deadLetterQueue).messages.push(...worn.map((message) => ({ ...message, receives: 0 })));
    }
    return queue.messages.filter(isVisible);
  };

  const inFlight = (queue: Queue, handle: string): Stored => {
    const message = queue.messages.find((each) => each.handle === handle && each.visibleAt > Date.now());
    if (!message) throw new Refusal("MessageNotInflight");
    return message;
  };

  const operations: Record<string, (queue: Queue, asked: Asked) => Answer | Promise<Answer>> = {
    SendMessage: (queue, { MessageBody }) => {
      const id = randomUUID();
      queue.messages.push({ id, body: MessageBody, receives: 0, visibleAt: 0, handle: null });
      return { MessageId: id, MD5OfMessageBody: md5(MessageBody) };
    },
    ReceiveMessage: receive,
    ChangeMessageVisibility: (queue, { ReceiptHandle, VisibilityTimeout = 0 }) => {
      const message = inFlight(queue, ReceiptHandle);
      message.visibleAt = Date.now() + VisibilityTimeout * 1_000;
      extended.set(message.id, (extended.get(message.id) ?? 0) + 1);
      return {};
    },
    DeleteMessage: (queue, { ReceiptHandle }) => {
      if (queue.toForget > 0) queue.toForget--;
      else queue.messages = queue.messages.filter(({ handle }) => handle !== ReceiptHandle);
      return {};
    },
  };

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const operation = operations[String(request.headers["x-amz-target"]).replace("AmazonSQS.", "")];
    const asked = (await json(request)) as Asked;
    if (!operation) throw new Refusal("UnsupportedOperation");
    return operation(queueOf(new URL(asked.QueueUrl).pathname.split("/").at(-1) ?? ""), asked);
  };

  const server = createServer((request, response) => {
    const send = (status: number, body: Answer): void => {
      response.writeHead(status, { "content-type": "application/x-amz-json-1.0" }).end(JSON.stringify(body));
    };
    answer(request).then(
      (body) => send(200, body),
      (error: Error) => send(400, { __type: `com.amazonaws.sqs#${error.message}`, message: error.message }),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    endpoint,
    createQueue: (name, settings = {}) => {
      queues.set(name, { ...settings, messages: [], toForget: 0 });
      return `${endpoint}/000000000000/${name}`;
    },
    messages: (queue) => queueOf(queue).messages.map(({ id, body, receives }) => ({ id, body, receives })),
    extensions: (id) => extended.get(id) ?? 0,
    forgetDeletions: (queue, count) => {
      queueOf(queue).toForget = count;
    },
    redrive: (from, to) => {
      const moved = queueOf(from).messages.map((message) => ({
        ...message,
        id: randomUUID(),
        receives: 0,
        visibleAt: 0,
      }));
      queueOf(from).messages = [];
      queueOf(to).messages.push(...moved);
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

interface Asked {
  readonly QueueUrl: string;
  readonly MessageBody: string;
  readonly ReceiptHandle: string;
  readonly MaxNumberOfMessages?: number;
  readonly VisibilityTimeout?: number;
  readonly WaitTimeSeconds?: number;
}

function received({ id, body, handle, receives }: Stored): Answer {
  const Attributes = { ApproximateReceiveCount: String(receives) };
  return { MessageId: id, ReceiptHandle: handle, Body: body, MD5OfBody: md5(body), Attributes };
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
