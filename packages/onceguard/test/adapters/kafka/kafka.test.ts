import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import kafkajs, { type Admin, type Producer } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { type Fault, type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { type EngineWorker, forkWorker } from "../engine-workers/fork-worker.ts";
import { decide } from "../engine-workers/person.ts";
import { until } from "../engine-workers/until.ts";
import { type KafkaCluster, startKafkaCluster } from "./kafka-cluster.ts";
import type { KafkaWorkerOptions, Seen } from "./kafka-worker-process.ts";

// The real kafkajs in processes that are killed, on the mock cluster of librdkafka. The ledger of the world judges. Each
// story is told twice: guarded, and with a plain `eachMessage`.

const cluster = await startKafkaCluster();
let world: FlakyWorld;
let producer: Producer;
let admin: Admin;
let dir: string;

beforeAll(async () => {
  if (!cluster) return;
  dir = mkdtempSync(join(tmpdir(), "onceguard-kafka-test-"));
  world = await startFlakyWorld();
  const kafka = new kafkajs.Kafka({ brokers: [cluster.broker], logLevel: kafkajs.logLevel.NOTHING });
  producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
});

afterAll(async () => {
  if (!cluster) return;
  await Promise.all([producer.disconnect(), admin.disconnect(), world.stop()]);
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
});

type Told = Omit<KafkaWorkerOptions, "world" | "store" | "broker" | "topic">;

/** A story's own topic and group, and its payments: all in one partition, in this order. */
async function story(test: TestContext, name: string, options: Told) {
  const topic = `${name}-${options.guarded ? "guarded" : "control"}`;
  const store = join(dir, `${topic}.db`);
  const start = async (): Promise<EngineWorker> => {
    const { broker } = cluster as KafkaCluster;
    const about: KafkaWorkerOptions = { ...options, world: world.port, store, broker, topic };
    const worker = await forkWorker(new URL("./kafka-worker-process.ts", import.meta.url), about);
    test.onTestFinished(worker.stop);
    return worker;
  };
  const send = (value: string, partition = 0) => producer.send({ topic, messages: [{ value, partition }] });
  const committed = async (partition = 0): Promise<string | undefined> => {
    const [offsets] = await admin.fetchOffsets({ groupId: topic, topics: [topic] });
    return offsets?.partitions.find((each) => each.partition === partition)?.offset;
  };
  return {
    topic,
    store,
    start,
    send,
    pay: async (...payments: [reference: string, ...Fault[]][]) => {
      for (const [reference, ...faults] of payments) {
        await world.plan(reference, ...faults);
        await send(JSON.stringify({ reference, amount: 500 }));
      }
    },
    committed,
    /** Every message up to this offset is done. */
    done: (offset: number, partition = 0) =>
      until(`offset ${offset} is committed`, async () => (await committed(partition)) === String(offset)),
  };
}

const SIDES = [
  [true, 1],
  [false, 2],
] as const;

describe.skipIf(!cluster).concurrent.each(SIDES)(
  "guarded: %s, so that a Kafka message is paid %s time(s)",
  (guarded, times) => {
    it("when its consumer is killed in the middle of it", async (test) => {
      const { topic, pay, start, done } = await story(test, "killed", { guarded, probe: true });
      await pay([topic, "hold_reply"]);
      const doomed = await start();
      await world.holding(topic);
      await doomed.kill("SIGKILL");
      await start();
      await done(1);
      expect(world.effects(topic)).toHaveLength(times);
    });

    it("when it takes longer than the session of its consumer", async (test) => {
      const { topic, pay, start, done } = await story(test, "lapsed", { guarded });
      await pay([topic, "hold_reply"]);
      const first = await start();
      await world.holding(topic);
      const { heartbeats } = await first.ask<Seen>("seen");
      if (!guarded) await start();
      // Guarded, it has told for longer than a session lasts that it is alive.
      const isOver = async () =>
        guarded ? (await first.ask<Seen>("seen")).heartbeats - heartbeats > 5 : (await world.requests(topic)) > 1;
      await until("the session would be over", isOver);
      await world.release(topic);
      await done(1);
      expect(world.effects(topic)).toHaveLength(times);
    });

    it("when its consumer sleeps past session and lease, and goes on", async (test) => {
      const { topic, pay, start, done } = await story(test, "slept", { guarded, probe: true });
      await pay([topic, "hold_reply"]);
      const sleeper = await start();
      await world.holding(topic);
      await sleeper.kill("SIGSTOP");
      await start();
      await done(1);
      await world.release(topic);
      sleeper.resume();
      await sleeper.stop();
      expect(world.effects(topic)).toHaveLength(times);
    });

    it("when its producer sends it once more", async (test) => {
      const { topic, pay, start, done } = await story(test, "resent", { guarded });
      await pay([topic], [topic]);
      await start();
      await done(2);
      expect(world.effects(topic)).toHaveLength(times);
    });

    it("when its answers are lost until the retries are used up", async (test) => {
      const { topic, store, pay, start, done } = await story(test, "exhausted", { guarded });
      await pay([topic, "lose_reply", "lose_reply", "lose_reply"]);
      await start();
      if (guarded) await decide(store);
      await done(1);
      expect(world.effects(topic)).toHaveLength(guarded ? 1 : 4);
    });
  },
);

describe.skipIf(!cluster).concurrent("a Kafka message under the guard", () => {
  it("is one payment, and an equal message another, where nothing names the payment but its offset", async (test) => {
    const { topic, pay, start, done } = await story(test, "equal", { guarded: true, nameless: true });
    await pay([topic], [topic]);
    await start();
    await done(2);
    expect(world.effects(topic)).toHaveLength(2);
  });

  it("keeps its partition waiting, and no other", async (test) => {
    const { topic, store, pay, send, start, done, committed } = await story(test, "paused", { guarded: true });
    const other = `${topic}-other`;
    await pay([topic, "lose_reply"], [`${topic}-behind`]);
    await send(JSON.stringify({ reference: other, amount: 500 }), 1);
    await start();
    await done(1, 1);
    expect([other, `${topic}-behind`].map((reference) => world.effects(reference).length)).toEqual([1, 0]);
    await decide(store, async () => expect(await committed()).toBe("-1"));
    await done(2);
    expect([topic, `${topic}-behind`].map((reference) => world.effects(reference).length)).toEqual([1, 1]);
  });

  it("is a dead letter when it is no JSON, or was refused; and the partition goes on", async (test) => {
    const { topic, pay, send, start, done } = await story(test, "dead", { guarded: true });
    await send("{");
    await pay([`${topic}-refused`, "reject"], [topic]);
    const worker = await start();
    await done(3);
    const { deadLetters } = await worker.ask<Seen>("seen");
    expect(deadLetters.map((why) => why.split(":")[1]?.trim())).toEqual(["payload_not_json", "failed"]);
    expect([`${topic}-refused`, topic].map((reference) => world.effects(reference).length)).toEqual([0, 1]);
  });
});
