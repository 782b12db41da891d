import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { type Fault, type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { type EngineWorker, forkWorker } from "../engine-workers/fork-worker.ts";
import type { PaymentOptions } from "../engine-workers/payments.ts";
import { decide } from "../engine-workers/person.ts";
import { until } from "../engine-workers/until.ts";
import { type SqsServer, startSqsServer } from "../sqs/sqs-server.ts";
import { mapEvents } from "./event-source-mapping.ts";

// Lambda is not to be had here. A function's environment is a process of its own; what Lambda does around it is done by
// event-source-mapping.ts, with the real AWS SDK on an SQS of our own. The ledger of the world judges, and each story is
// told twice: guarded, and by a handler as the documentation of partial batch responses shows it.

let world: FlakyWorld;
let server: SqsServer;
let sqs: SQSClient;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "onceguard-lambda-"));
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

/** A story's own queue with its dead-letter queue, its payments, and its function. */
async function story(test: TestContext, name: string, options: Told, maxReceiveCount = 20) {
  const queue = `${name}-${options.guarded ? "guarded" : "control"}`;
  const deadLetterQueue = `${queue}-dlq`;
  server.createQueue(deadLetterQueue);
  const redrive = { deadLetterQueue, maxReceiveCount };
  const queueUrl = server.createQueue(queue, { visibilityTimeout: 1, redrive });
  const store = join(dir, `${queue}.db`);
  const environments: EngineWorker[] = [];
  const start = async (): Promise<EngineWorker> => {
    const about = { ...options, world: world.port, store };
    const environment = await forkWorker(new URL("./lambda-worker-process.ts", import.meta.url), about);
    test.onTestFinished(environment.stop);
    environments.push(environment);
    return environment;
  };
  const isDone = () => [queue, deadLetterQueue].every((name) => server.messages(name).length === 0);
  return {
    reference: queue,
    deadLetterQueue,
    store,
    environments,
    /** Its message is being delivered again. */
    again: () => until("it is delivered again", () => (server.messages(queue)[0]?.receives ?? 2) > 1),
    /** A message for each payment. */
    send: async (...payments: [reference: string, ...Fault[]][]) => {
      for (const [reference, ...faults] of payments) {
        await world.plan(reference, ...faults);
        const MessageBody = JSON.stringify({ reference, amount: 500 });
        await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
      }
    },
    /** Until all is done, and nothing is a dead letter. */
    deliver: (timeoutMs = 20_000, isOver = isDone) => mapEvents({ sqs, queueUrl, timeoutMs, start }, isOver),
  };
}

const SIDES = [
  [true, 1],
  [false, 2],
] as const;

describe.concurrent.each(SIDES)("guarded: %s, so that a Lambda function pays %s time(s)", (guarded, times) => {
  it("when its environment is killed in the middle", async (test) => {
    const { reference, send, deliver, environments } = await story(test, "killed", { guarded, probe: true });
    await send([reference, "hold_reply"]);
    const delivered = deliver(3_000);
    await world.holding(reference);
    await environments[0]?.kill("SIGKILL");
    await delivered;
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when it has not answered at its timeout", async (test) => {
    const { reference, send, deliver, again, environments } = await story(test, "timeout", { guarded, probe: true });
    await send([reference, "hold_reply"]);
    const delivered = deliver(1_500);
    await world.holding(reference);
    await again();
    await world.release(reference);
    await delivered;
    expect(world.effects(reference)).toHaveLength(times);
    // Guarded, it answers in time without what is still under way; the other is killed.
    expect(environments).toHaveLength(times);
  });

  it("when the deletion of its message is lost", async (test) => {
    const { reference, send, deliver } = await story(test, "redelivered", { guarded, nameless: true });
    server.forgetDeletions(reference, 1);
    await send([reference]);
    await deliver();
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when another record of its batch takes too long", async (test) => {
    const { reference, send, deliver, again } = await story(test, "batch", { guarded, probe: true });
    const [first, second, third] = [`${reference}-1`, `${reference}-2`, `${reference}-3`] as const;
    await send([first], [second, "hold_reply"], [third]);
    const delivered = deliver(1_500);
    await world.holding(second);
    await again();
    await world.release(second);
    await delivered;
    expect(world.effects(first)).toHaveLength(times); // the control's whole batch is delivered again
    expect(world.effects(second)).toHaveLength(times);
    expect(world.effects(third)).toHaveLength(1);
  });

  it("when its answers are lost until it is a dead letter, and it is driven back", async (test) => {
    const { reference, deadLetterQueue, store, send, deliver } = await story(test, "exhausted", { guarded }, 3);
    await send([reference, "lose_reply", "lose_reply", "lose_reply"]);
    await deliver(20_000, () => server.messages(deadLetterQueue).length === 1);
    expect(world.effects(reference)).toHaveLength(guarded ? 1 : 3);
    if (guarded) await decide(store);
    server.redrive(deadLetterQueue, reference); // under a new message id
    await deliver();
    expect(world.effects(reference)).toHaveLength(guarded ? 1 : 4);
  });
});
