import { DBOS } from "@dbos-inc/dbos-sdk";
import type { DBOS as DBOS4 } from "dbos-sdk-4";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { type DbosLike, guardStep } from "../../../src/adapters/dbos/index.ts";
import { createGuard, defineAction } from "../../../src/index.ts";
import { memoryStore } from "../../../src/stores/memory/memory-store.ts";
import { createDatabase } from "../../support/postgres.ts";
import { dropWhenLeft } from "../drop-when-left.ts";

const refund = defineAction({
  name: "refund",
  riskTier: "irreversible",
  input: z.object({ order: z.string() }),
  keyFields: ["order"],
  execute: ({ order }) => {
    if (order === "refused") throw Object.assign(new Error("no such order"), { status: 404 });
    return { refunded: order };
  },
});

const made: string[] = [];
let lost = 0;
const guard = createGuard({ store: memoryStore(), sweepEvery: false, onBackgroundError: () => undefined });
const refundStep = guardStep(DBOS, guard, refund);
const charge = guardStep(
  DBOS,
  guard,
  async ({ order }: { order: string }, { workflowID, stepID }) => {
    made.push(`${workflowID} ${stepID} ${order}`);
    if (lost-- > 0) throw new Error("socket hang up");
    return order;
  },
  { action: "charge", riskTier: "side_effecting", parked: "250ms", step: "the charge" },
);

const refunding = DBOS.registerWorkflow((order: string) => refundStep({ order }), { name: "refunding" });
const charging = DBOS.registerWorkflow((orders: string[]) => Promise.all(orders.map((order) => charge({ order }))), {
  name: "charging",
});

describe("guardStep, in DBOS's words", () => {
  let database: string;
  const quiet = () => undefined;

  beforeAll(async () => {
    database = await createDatabase();
    const logger = { info: quiet, debug: quiet, warn: quiet, error: quiet };
    DBOS.setConfig({ name: "steps", systemDatabaseUrl: database, logger });
    await DBOS.launch();
  });
  afterAll(async () => {
    await DBOS.shutdown();
    await guard.close();
    await dropWhenLeft(database);
  });

  it("gives the result to the workflow, and the receipt to whoever asks for the same again", async () => {
    expect(await refunding("A1")).toEqual({ refunded: "A1" });
    expect(await refunding("A1")).toEqual({ refunded: "A1" });
  });

  it("names equal calls of one workflow apart by their steps, side by side as well", async () => {
    const handle = await DBOS.startWorkflow(charging, { workflowID: "w1" })(["A", "A"]);
    expect(await handle.getResult()).toEqual(["A", "A"]);
    expect(made.sort()).toEqual(["w1 0 A", "w1 1 A"]);
    const steps = await DBOS.listWorkflowSteps("w1");
    expect(steps?.map(({ name }) => name)).toEqual(["the charge", "the charge"]);
    const [receipt] = await guard.receipts({ action: "charge" });
    expect(receipt).toMatchObject({ keySource: "host_call", hostScope: "dbos:w1" });
    // Whoever forks the workflow makes a new one, and says so.
    const fork = await DBOS.forkWorkflow("w1", 0, { newWorkflowID: "w2" });
    await fork.getResult();
    expect(made.slice(2).sort()).toEqual(["w2 0 A", "w2 1 A"]);
  });

  it("throws in the workflow what will never be done, without trying the step again", async () => {
    await expect(refunding("refused")).rejects.toMatchObject({
      code: "outcome_not_success",
      message: expect.stringContaining("no such order"),
      fields: { outcome: { status: "failed", requestId: expect.any(String) } },
    });
  });

  it("stays in the step until a person has decided", async () => {
    lost = 1;
    const handle = await DBOS.startWorkflow(charging, { workflowID: "w3" })(["B"]);
    const inDoubt = () => guard.receipts({ action: "charge", states: ["in_doubt"] });
    await expect.poll(async () => (await inDoubt()).length).toBe(1);
    const [receipt] = await inDoubt();
    expect(await handle.getStatus()).toMatchObject({ status: "PENDING" });
    const decided = { decision: "happened", result: "B", actor: "ana", reason: "the bank has it" } as const;
    await guard.resolve(receipt?.requestId ?? "", decided);
    expect(await handle.getResult()).toEqual(["B"]);
    expect(made.filter((line) => line.startsWith("w3"))).toHaveLength(1);
  });

  it("leaves the step when its workflow is cancelled, and not the effect", async () => {
    lost = 1;
    const handle = await DBOS.startWorkflow(charging, { workflowID: "w4" })(["C"]);
    await expect.poll(() => made.at(-1)).toBe("w4 0 C");
    await DBOS.cancelWorkflow("w4");
    await expect(handle.getResult()).rejects.toThrow(/cancel/i);
    expect(await guard.receipts({ action: "charge", states: ["in_doubt"] })).toHaveLength(1);
  });

  it("says that it belongs in a workflow, where nothing else names its call", async () => {
    await expect(refundStep({ order: "A9" })).rejects.toMatchObject({ code: "invalid_context" });
  });

  it("keeps types, of both majors", () => {
    expectTypeOf<typeof DBOS>().toExtend<DbosLike>();
    expectTypeOf<typeof DBOS4>().toExtend<DbosLike>();
    expectTypeOf(refundStep).toEqualTypeOf<(payload: { order: string }) => Promise<{ refunded: string } | undefined>>();
    expectTypeOf(charge).toEqualTypeOf<(payload: { order: string }) => Promise<string | undefined>>();
  });
});
