import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { guardMessage, type Later, type Never } from "../../../src/adapters/sqs/index.ts";
import { createGuard } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { type EngineWorker, forkWorker } from "../engine-workers/fork-worker.ts";
import type { PaymentOptions } from "../engine-workers/payments.ts";
import { decide } from "../engine-workers/person.ts";
import { until } from "../engine-workers/until.ts";
import { type SqsServer, startSqsServer } from "./sqs-server.ts";

// The real AWS SDK and the real sqs-consumer, in processes that are killed, on an SQS of our own. The ledger of the
// world judges. Each story is told twice: guarded, and by a handler as people write it.

let world: FlakyWorld;
let server: SqsServer;
let sqs: SQSClient;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "onceguard-sqs-"));
  [world, server] = await Promise.all([startFlakyWorld(), startSqsServer()]);
  const { endpoint } = server;
  sqs = new SQSClient({ endpoint, region: "eu-west-1", credentials: { accessKeyId: "x", secretAccessKey: "x" } });
});

afterAll(async () => {
  sqs.destroy();
  await Promise.all([world.stop(), server.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

type Told = Omit<PaymentOptions, "world" | "store">;

/** A story's own queue with its dead-letter queue, its payment, and its workers. */
async function story(test: TestContext, name: string, options: Told, maxReceiveCount = 20, consumer = "sqs-consumer") {
  const reference = `${name}-${options.guarded ? "guarded" : "control"}`;
  const deadLetterQueue = `${reference}-dlq`;
  server.createQueue(deadLetterQueue);
  const queueUrl = server.createQueue(reference, {
    visibilityTimeout: 1,
    redrive: { deadLetterQueue, maxReceiveCount },
  });
  const store = join(dir, `${reference}.db`);
  const worker = async (): Promise<EngineWorker> => {
    const about = { ...options, world: world.port, store, endpoint: server.endpoint, queueUrl, consumer };
    const started = await forkWorker(new URL("./sqs-worker-process.ts", import.meta.url), about);
    test.onTestFinished(started.stop);
    return started;
  };
  const send = async (body = JSON.stringify({ reference, amount: 500 })): Promise<void> => {
    await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }));
  };
  const isDone = () => [reference, deadLetterQueue].every((queue) => server.messages(queue).length === 0);
  return { reference, deadLetterQueue, store, worker, send, isDone };
}

const SIDES = [
  [true, 1],
  [false, 2],
] as const;

describe.concurrent.each(SIDES)("guarded: %s, so that an SQS message is paid %s time(s)", (guarded, times) => {
  it("when its worker is killed in the middle", async (test) => {
    const { reference, worker, send, isDone } = await story(test, "killed", { guarded, probe: true });
    await world.plan(reference, "hold_reply");
    await send();
    const doomed = await worker();
    await world.holding(reference);
    await doomed.kill("SIGKILL");
    await worker();
    await until("the message is done", isDone);
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when its worker, of the major before, is killed in the middle", async (test) => {
    const told = { guarded, probe: true };
    const { reference, worker, send, isDone } = await story(test, "killed-14", told, 20, "sqs-consumer-14");
    await world.plan(reference, "hold_reply");
    await send();
    const doomed = await worker();
    await world.holding(reference);
    await doomed.kill("SIGKILL");
    await worker();
    await until("the message is done", isDone);
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when its visibility lapses while it is being paid", async (test) => {
    const { reference, worker, send, isDone } = await story(test, "lapsed", { guarded, probe: true });
    await world.plan(reference, "hold_reply");
    await send();
    await worker();
    await world.holding(reference);
    const { id } = server.messages(reference)[0] as { id: string };
    await worker();
    // Guarded, it stays hidden from the other worker: the whole timeout has passed twice.
    const enough = async () => (guarded ? server.extensions(id) >= 6 : (await world.requests(reference)) > 1);
    await until("the timeout is over", enough);
    if (guarded) expect(server.messages(reference)[0]?.receives).toBe(1);
    await world.release(reference);
    await until("the message is done", isDone);
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when its worker sleeps past visibility and lease, and goes on", async (test) => {
    const { reference, worker, send, isDone } = await story(test, "slept", { guarded, probe: true });
    await world.plan(reference, "hold_reply");
    await send();
    const sleeper = await worker();
    await world.holding(reference);
    await sleeper.kill("SIGSTOP");
    await worker();
    await until("the message is done", isDone);
    await world.release(reference);
    sleeper.resume();
    await sleeper.stop();
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when SQS delivers it once more", async (test) => {
    const { reference, worker, send, isDone } = await story(test, "redelivered", { guarded, nameless: true });
    server.forgetDeletions(reference, 1);
    await send();
    await worker();
    await until("the message is done", isDone);
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when its answers are lost until it is a dead letter, and it is driven back", async (test) => {
    const { reference, deadLetterQueue, store, worker, send, isDone } = await story(test, "exhausted", { guarded }, 3);
    await world.plan(reference, "lose_reply", "lose_reply", "lose_reply");
    await send();
    await worker();
    await until("it is a dead letter", () => server.messages(deadLetterQueue).length === 1);
    expect(world.effects(reference)).toHaveLength(guarded ? 1 : 3);
    if (guarded) await decide(store);
    server.redrive(deadLetterQueue, reference); // under a new message id
    await until("the message is done", isDone);
    expect(world.effects(reference)).toHaveLength(guarded ? 1 : 4);
  });
});

describe.concurrent("an SQS message under the guard", () => {
  it("is one payment, and an equal message another, where nothing names the payment but the message", async (test) => {
    const { reference, worker, send, isDone } = await story(test, "equal", { guarded: true, nameless: true });
    server.forgetDeletions(reference, 2);
    await Promise.all([send(), send()]);
    await worker();
    await until("both are done", isDone);
    expect(world.effects(reference)).toHaveLength(2);
  });

  it("is left for the dead-letter queue when it is no JSON, and says why", async () => {
    const queueUrl = server.createQueue("poison", { visibilityTimeout: 30 });
    const guard = createGuard({ store: memoryStore(), sweepEvery: false });
    const told: (Later | Never)[] = [];
    const made: unknown[] = [];
    const handle = guardMessage(guard, { sqs, queueUrl }, (payload: { order: string }) => made.push(payload), {
      action: "pay",
      riskTier: "side_effecting",
      keyFields: ["order"],
      report: (verdict) => told.push(verdict),
    });
    for (const MessageBody of ["{", '{"amount":1}', '{"order":"A1"}']) {
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
    }
    const asked = new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 });
    const { Messages = [] } = await sqs.send(asked);
    const handled = await Promise.all(Messages.map(handle));
    await guard.close();
    expect(handled.map((message) => message?.Body)).toEqual([undefined, undefined, '{"order":"A1"}']);
    expect(told.map(({ verdict, message }) => [verdict, message.split(":")[1]?.trim()]).sort()).toEqual([
      ["never", "missing_key_field"],
      ["never", "payload_not_json"],
    ]);
    expect(made).toEqual([{ order: "A1" }]);
  });

  it("is hidden for as long as the guard says, when it is put off", async () => {
    const queueUrl = server.createQueue("later", { visibilityTimeout: 30 });
    const guard = createGuard({
      store: memoryStore(),
      sweepEvery: false,
      rules: [{ verdict: "review", reason: "all" }],
    });
    const handle = guardMessage(guard, { sqs, queueUrl }, () => "paid", {
      action: "pay",
      riskTier: "side_effecting",
      keyFields: ["order"],
      parked: "1s",
    });
    await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: '{"order":"A1"}' }));
    const next = async (WaitTimeSeconds: number) =>
      (await sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds }))).Messages?.[0];
    const first = await next(0);
    expect(first && (await handle(first))).toBeUndefined();
    const [held] = await guard.receipts({ states: ["held"] });
    await guard.approve(held?.requestId ?? "", { actor: "ops", reason: "fine" });
    const again = await next(20); // one second later, and not thirty
    expect(again && (await handle(again))).toBe(again);
    await guard.close();
  });
});
