import { type JobHelpers, Logger, type Runner, run, type Task, type TaskList } from "graphile-worker";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { guardTask } from "../../../src/adapters/graphile-worker/index.ts";
import { createGuard, defineAction } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { createDatabase } from "../../support/postgres.ts";
import { dropWhenLeft } from "../drop-when-left.ts";

declare global {
  namespace GraphileWorker {
    interface Tasks {
      typed: { readonly order: string };
    }
  }
}

const refund = defineAction({
  name: "refund",
  riskTier: "irreversible",
  input: z.object({ order: z.string() }),
  keyFields: ["order"],
  execute: ({ order }) => {
    if (order === "refused") throw Object.assign(new Error("no such order"), { status: 404 });
    return [order]; // an array, which graphile-worker would take for the results of a batch
  },
});

describe("guardTask, in graphile-worker's words", () => {
  const schema = 'its "own" schema';
  const guard = createGuard({ store: memoryStore(), sweepEvery: false, onBackgroundError: () => undefined });
  let database: string;
  let runner: Runner;
  let asked = 0;

  beforeAll(async () => {
    database = await createDatabase();
    const lost = () => {
      throw new Error("socket hang up");
    };
    const context = () => {
      asked++;
      return {};
    };
    const taskList: TaskList = {
      refund: guardTask(guard, refund, { schema }),
      charge: guardTask(guard, lost, {
        action: "charge",
        riskTier: "side_effecting",
        parked: "250ms",
        context,
        schema,
      }),
    };
    const logger = new Logger(() => () => undefined);
    runner = await run({
      connectionString: database,
      schema,
      maxPoolSize: 4,
      concurrency: 2,
      pollInterval: 50,
      noHandleSignals: true,
      logger,
      taskList,
    });
  });
  afterAll(async () => {
    await runner.stop();
    await guard.close();
    await dropWhenLeft(database);
  });

  it("fails for good what will never be done, whatever tries are left", async () => {
    const failed = Promise.withResolvers<string>();
    runner.events.on("job:error", ({ error }) => failed.resolve(String(error)));
    const done = Promise.withResolvers<void>();
    runner.events.on("job:success", () => done.resolve());
    await runner.addJob("refund", { order: "A1" });
    await done.promise;
    const { id } = await runner.addJob("refund", { order: "refused" }, { jobKey: "r" });
    expect(await failed.promise).toContain("onceguard: failed: no such order");
    // The same key would replace a job that waits; one that has failed for good stays failed, with its error.
    await expect.poll(() => jobOf(id)).toEqual([{ attempts: 25, error: expect.stringContaining("no such order") }]);
  });

  it("puts a job off as often as it takes, and that costs no try", async () => {
    const { id } = await runner.addJob("charge", { order: "A1" }, { maxAttempts: 2 });
    await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(3);
    const [receipt] = await guard.receipts({ action: "charge" });
    expect(receipt).toMatchObject({
      keySource: "host_call",
      hostScope: "graphile-worker:charge",
      hostCallId: expect.stringMatching(new RegExp(`^${id}@\\d+$`)),
    });
    const decided = { decision: "happened", actor: "ana", reason: "the bank has it" } as const;
    await guard.resolve(receipt?.requestId ?? "", decided);
    await expect.poll(() => jobOf(id)).toEqual([]);
  });

  it("is a task of graphile-worker's own types", () => {
    expectTypeOf(guardTask(guard, refund)).toExtend<Task>();
    expectTypeOf(guardTask(guard, refund)).toExtend<Task<"typed">>();
    const rule = { action: "note", riskTier: "side_effecting" } as const;
    const typed = guardTask(guard, (payload: { order: string }, helpers: JobHelpers) => helpers.job.id + payload, rule);
    expectTypeOf(typed).parameters.toEqualTypeOf<[unknown, JobHelpers]>();
  });

  async function jobOf(id: string): Promise<unknown[]> {
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    try {
      const text = `SELECT attempts, last_error AS error FROM "its ""own"" schema".jobs WHERE id = $1`;
      return (await client.query(text, [id])).rows;
    } finally {
      await client.end();
    }
  }
});
