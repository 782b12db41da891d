import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ApplicationFailure, CancelledFailure, type Info } from "@temporalio/activity";
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it, type TestContext } from "vitest";
import { effectContext, guardActivity, type JobRule } from "../../../src/adapters/temporal/index.ts";
import { createGuard, type Guard } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { type Fault, type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { type EngineWorker, forkWorker } from "../engine-workers/fork-worker.ts";
import type { PaymentOptions } from "../engine-workers/payments.ts";
import { decide } from "../engine-workers/person.ts";
import { until } from "../engine-workers/until.ts";
import { environmentOf } from "./environment.ts";
import type { Answer, Attempt } from "./temporal-worker-process.ts";

// Temporal's server is not to be had here. Attempts run in the SDK's own MockActivityEnvironment, in processes that are
// killed; what the server does between attempts, `attempts` does. The ledger of the world judges.

let world: FlakyWorld;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "onceguard-temporal-"));
  world = await startFlakyWorld();
});

afterAll(async () => {
  await world.stop();
  rmSync(dir, { recursive: true, force: true });
});

const RUN = { workflowId: "order-A1", runId: "run-1" };

/** A story's own payment, and workers for its attempts. */
async function story(
  test: TestContext,
  name: string,
  options: Omit<PaymentOptions, "world" | "store">,
  ...faults: Fault[]
) {
  const reference = `${name}-${options.guarded ? "guarded" : "control"}`;
  const store = join(dir, `${reference}.db`);
  const start = async (): Promise<EngineWorker> => {
    const about: PaymentOptions = { ...options, world: world.port, store };
    const worker = await forkWorker(new URL("./temporal-worker-process.ts", import.meta.url), about);
    test.onTestFinished(worker.stop);
    return worker;
  };
  await world.plan(reference, ...faults);
  let attempt = 0;
  const attemptOn = (worker: EngineWorker, workflowExecution = RUN): Promise<Answer> => {
    const payment = { reference, amount: 500 };
    const asked: Attempt = { info: { activityId: "1", attempt: ++attempt, workflowExecution }, payment };
    return worker.ask<Answer>(asked);
  };
  /** Attempts up to the end, as the server makes them. */
  const attempts = async (worker: EngineWorker, most = 100): Promise<Answer> => {
    for (let left = most; ; left--) {
      const answer = await attemptOn(worker);
      if ("result" in answer || answer.nonRetryable || left === 1) return answer;
      await sleep(answer.delayMs);
    }
  };
  return { reference, store, start, attemptOn, attempts };
}

const SIDES = [
  [true, 1],
  [false, 2],
] as const;

describe.concurrent.each(SIDES)("guarded: %s, so that an activity pays %s time(s)", (guarded, times) => {
  it("when its worker is killed in the middle", async (test) => {
    const { reference, start, attemptOn, attempts } = await story(
      test,
      "killed",
      { guarded, probe: true },
      "hold_reply",
    );
    const doomed = await start();
    void attemptOn(doomed).catch(() => undefined);
    await world.holding(reference);
    await doomed.kill("SIGKILL");
    expect(await attempts(await start())).toMatchObject({ result: { reference } });
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when its timeout passes while it is being paid, and another worker gets it", async (test) => {
    const { reference, start, attemptOn, attempts } = await story(test, "lapsed", { guarded }, "hold_reply");
    const first = await start();
    const paying = attemptOn(first);
    await world.holding(reference);
    const second = await start();
    const once = await attemptOn(second);
    if (guarded) expect(once).toMatchObject({ nonRetryable: false, type: "onceguard/in_progress" });
    await world.release(reference);
    expect(await paying).toMatchObject({ result: { reference } }); // Temporal does not want to know any more
    expect(await attempts(second)).toMatchObject({ result: { reference } });
    // The control's second worker has paid at once, and then again: Temporal would have ended with the first of the two.
    expect(world.effects(reference)).toHaveLength(guarded ? 1 : 3);
  });

  it("when its completion is lost", async (test) => {
    const { reference, start, attemptOn } = await story(test, "redelivered", { guarded, nameless: true });
    const worker = await start();
    await attemptOn(worker);
    expect(await attemptOn(worker)).toMatchObject({ result: { reference } });
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when its answers are lost until the attempts are used up, and the workflow is run again", async (test) => {
    const lost: Fault[] = ["lose_reply", "lose_reply", "lose_reply"];
    const { reference, store, start, attemptOn, attempts } = await story(test, "exhausted", { guarded }, ...lost);
    const worker = await start();
    expect(await attempts(worker, 3)).toMatchObject({ nonRetryable: false });
    expect(world.effects(reference)).toHaveLength(guarded ? 1 : 3);
    if (guarded) await decide(store);
    const again = await attemptOn(worker, { ...RUN, runId: "run-2" });
    expect(again).not.toHaveProperty("type"); // done
    expect(world.effects(reference)).toHaveLength(guarded ? 1 : 4);
  });
});

interface Charge {
  readonly order: string;
}

describe("a guarded activity", () => {
  const guards: Guard[] = [];
  afterEach(async () => {
    for (const guard of guards.splice(0)) await guard.close();
  });

  /** An activity that charges, as often as `made` says. */
  function charging(rule: Partial<JobRule<Charge, string, Info>> = {}) {
    const guard = createGuard({ store: memoryStore(), sweepEvery: false, onBackgroundError: () => undefined });
    guards.push(guard);
    const made: string[] = [];
    let effect = async (): Promise<void> => undefined;
    const activity = guardActivity(
      guard,
      async ({ order }: Charge, { activityId }: Info) => {
        made.push(`${order} ${activityId} ${effectContext().idempotencyKey.length}`);
        await effect();
        return order;
      },
      { action: "charge", riskTier: "side_effecting", ...rule },
    );
    return { guard, activity, made, behave: (next: typeof effect) => (effect = next) };
  }

  const failureOf = async (run: Promise<unknown>): Promise<ApplicationFailure> => {
    const failure = await run.then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ApplicationFailure);
    return failure as ApplicationFailure;
  };

  it("is one intent per activity in a run of a workflow, and another in the next run", async () => {
    const { activity, made, guard } = charging();
    const infos = [
      { activityId: "1", attempt: 1 },
      { activityId: "1", attempt: 2 },
      { activityId: "2", attempt: 1 },
      { activityId: "1", attempt: 1, workflowExecution: { ...RUN, runId: "run-2" } }, // continued as new
    ];
    for (const info of infos) {
      await environmentOf({ workflowExecution: RUN, ...info }).run(activity, { order: "A1" });
    }
    expect(made).toEqual(["A1 1 36", "A1 2 36", "A1 1 36"]);
    const [receipt] = await guard.receipts({ runId: "order-A1" });
    expect(receipt).toMatchObject({ keySource: "host_call", hostScope: "temporal:test/order-A1" });
    expectTypeOf(activity).toEqualTypeOf<(payload: Charge) => Promise<string | undefined>>();
  });

  it("heartbeats while it runs, where Temporal expects it, and keeps what was noted", async () => {
    const { activity, behave } = charging({ keyFields: ["order"] });
    for (const heartbeatTimeoutMs of [30, undefined]) {
      const environment = environmentOf({
        ...(heartbeatTimeoutMs && { heartbeatTimeoutMs }),
        heartbeatDetails: "page 7",
      });
      const beats: unknown[] = [];
      environment.on("heartbeat", (details) => beats.push(details));
      behave(() => (heartbeatTimeoutMs ? until("it beats", () => beats.length > 2) : sleep(50)));
      await environment.run(activity, { order: `A${heartbeatTimeoutMs}` });
      expect(new Set(beats)).toEqual(new Set(heartbeatTimeoutMs ? ["page 7"] : []));
    }
  });

  it("ends as cancelled when it is cancelled while it waits; the effect goes on, and is known", async () => {
    const { activity, made, behave } = charging({ keyFields: ["order"] });
    const environment = environmentOf({ workflowExecution: RUN });
    const effect = Promise.withResolvers<void>();
    behave(() => effect.promise);
    const running = environment.run(activity, { order: "A1" });
    await until("it is under way", () => made.length === 1);
    environment.cancel();
    await expect(running).rejects.toBeInstanceOf(CancelledFailure);
    effect.resolve();
    const again = environmentOf({ workflowExecution: { ...RUN, runId: "run-2" } });
    expect(await again.run(activity, { order: "A1" })).toBe("A1");
    expect(made).toHaveLength(1);
  });

  it("fails for good where asking again gets the same answer, and with a delay where not", async () => {
    const { activity, behave } = charging({ keyFields: ["order"], parked: "7s" });
    const environment = environmentOf();
    behave(() => Promise.reject(Object.assign(new Error("card declined"), { status: 402 })));
    const refused = await failureOf(environment.run(activity, { order: "A1" }));
    expect(refused).toMatchObject({ nonRetryable: true, type: "onceguard/failed" });
    expect(refused.details?.[0]).toMatchObject({ status: "failed", request_id: expect.any(String) });
    behave(() => Promise.reject(new Error("who knows")));
    const doubt = await failureOf(environment.run(activity, { order: "A2" }));
    expect(doubt).toMatchObject({
      nonRetryable: false,
      nextRetryDelay: 7_000,
      type: "onceguard/in_doubt",
      category: "BENIGN",
    });
    const unfit = await failureOf(environment.run(activity, {} as Charge));
    expect(unfit).toMatchObject({ nonRetryable: true, type: "onceguard/invalid" });
    const many = activity as (...all: unknown[]) => Promise<unknown>;
    expect(await failureOf(environment.run(many, { order: "A3" }, "EUR"))).toMatchObject({ nonRetryable: true });
  });
});
