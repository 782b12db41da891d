import { describe, expect, test } from "vitest";
import { testGuard } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";
import { effectError } from "../core/failure.ts";
import { fakeClock } from "../testing/fake-clock.ts";

const SECURITY = { certainty: "definite", tier: "security", code: "http_403", message: "forbidden" } as const;

function mail(execute: (payload: { to: string }) => unknown = () => "sent") {
  const sent: string[] = [];
  const action = defineAction({
    name: "mail",
    riskTier: "side_effecting",
    keyFields: ["to"],
    record: (payload: { to: string }) => `person:${payload.to}`,
    amount: () => 100,
    retry: { base: "1s", maxAttempts: 3 },
    execute: async (payload: { to: string }) => {
      sent.push(payload.to);
      return execute(payload);
    },
  });
  return { action, sent };
}

describe("a halt by a person", () => {
  test.each([
    ["run", "run-1"],
    ["action", "mail"],
    ["tenant", "default"],
  ] as const)("of the %s stops what belongs to it, until it is resumed", async (scope, id) => {
    const { action, sent } = mail();
    const { guard } = testGuard([action]);
    await guard.halt(scope, id, { actor: "ada", reason: "looks odd" });
    const stopped = await guard.execute("mail", { to: "bo" }, { runId: "run-1" });
    expect(stopped).toMatchObject({ status: "halted", receipt: null, halt: { scope, id, actor: "ada" } });
    expect(sent).toEqual([]);
    await guard.resume(scope, id, { actor: "ada", reason: "was fine" });
    expect(await guard.execute("mail", { to: "bo" }, { runId: "run-1" })).toMatchObject({ status: "executed" });
  });

  test("of a tenant is that tenant's, also without naming it twice", async () => {
    const { action } = mail();
    const { guard } = testGuard([action]);
    await guard.halt("tenant", "globex", { actor: "ada", reason: "contract ended" });
    expect(await guard.execute("mail", { to: "bo" }, { tenant: "globex" })).toMatchObject({ status: "halted" });
    expect(await guard.execute("mail", { to: "bo" })).toMatchObject({ status: "executed" });
    await guard.resume("tenant", "globex", { actor: "ada", reason: "renewed" });
    expect(await guard.execute("mail", { to: "bo" }, { tenant: "globex" })).toMatchObject({ status: "executed" });
  });

  test("stops nothing else", async () => {
    const { action } = mail();
    const { guard } = testGuard([action]);
    await guard.halt("run", "run-1", { actor: "ada", reason: "looks odd" });
    await guard.halt("tenant", "globex", { actor: "ada", reason: "looks odd", tenant: "globex" });
    expect(await guard.execute("mail", { to: "bo" }, { runId: "run-2" })).toMatchObject({ status: "executed" });
    expect(await guard.execute("mail", { to: "cy" })).toMatchObject({ status: "executed" });
  });

  test("answers halted to a call whose effect was made before, too, and shows its receipt", async () => {
    const { action } = mail();
    const { guard } = testGuard([action]);
    await guard.execute("mail", { to: "bo" }, { runId: "run-1" });
    await guard.halt("run", "run-1", { actor: "ada", reason: "looks odd" });
    expect(await guard.execute("mail", { to: "bo" }, { runId: "run-1" })).toMatchObject({
      status: "halted",
      receipt: { state: "succeeded" },
    });
  });

  test("takes effect between claim and dispatch", async () => {
    const { action, sent } = mail();
    const clock = fakeClock();
    const slow = { ...action, before: () => clock.sleep(500).then(() => ({ version: 1 })), expect: () => true };
    const { guard, settle } = testGuard([slow], { clock });
    const outcome = guard.execute("mail", { to: "bo" }, { runId: "run-1" });
    await clock.advance(200);
    await guard.halt("run", "run-1", { actor: "ada", reason: "stop" });
    expect(await settle(outcome)).toMatchObject({ status: "halted", receipt: { state: "retry_wait" } });
    expect(sent).toEqual([]);
  });

  test("is looked for again once the action has read its record, however quickly", async () => {
    const { action, sent } = mail();
    const halting = testGuard([]);
    const before = () => halting.guard.halt("run", "run-1", { actor: "ada", reason: "stop" });
    const { guard, settle } = testGuard([{ ...action, before }], { store: halting.store, clock: halting.clock });
    expect(await settle(guard.execute("mail", { to: "bo" }, { runId: "run-1", wait: 0 }))).toMatchObject({
      ...{ status: "halted", receipt: { state: "retry_wait" } },
    });
    expect(sent).toEqual([]);
  });

  test("keeps a waiting retry back, and the sweeper takes it up after the resume", async () => {
    let fails = true;
    const { action, sent } = mail(() => {
      if (fails) throw Object.assign(new Error("busy"), { status: 429 });
      return "sent";
    });
    const { guard, clock } = testGuard([action]);
    const first = await guard.execute("mail", { to: "bo" }, { runId: "run-1", wait: 0 });
    expect(first).toMatchObject({ status: "retry_later" });
    await guard.halt("run", "run-1", { actor: "ada", reason: "stop" });
    fails = false;
    await clock.advance(5_000);
    expect((await guard.reconcile()).moved).toEqual([]);
    expect(sent).toHaveLength(1);
    await guard.resume("run", "run-1", { actor: "ada", reason: "go on" });
    await guard.reconcile();
    expect(await guard.receipt(first.requestId)).toMatchObject({ state: "succeeded" });
    expect(sent).toHaveLength(2);
  });

  test("needs a name, an actor and a reason; and only what is halted can be resumed", async () => {
    const { guard } = testGuard([]);
    await expect(guard.halt("run", "r", { actor: " ", reason: "x" })).rejects.toMatchObject({ code: "missing_reason" });
    await expect(guard.halt("run", "", { actor: "a", reason: "x" })).rejects.toMatchObject({ code: "invalid_context" });
    await expect(guard.halt("world" as "run", "r", { actor: "a", reason: "x" })).rejects.toMatchObject({
      code: "invalid_context",
    });
    await expect(guard.resume("run", "r", { actor: "a", reason: "x" })).rejects.toMatchObject({
      code: "not_resolvable",
    });
  });
});

describe("a security failure", () => {
  test("halts its run at once, goes to review for security, and stops every later call of the run", async () => {
    const { action, sent } = mail(({ to }) => {
      if (to === "root") throw effectError(SECURITY);
      return "sent";
    });
    const { guard } = testGuard([action]);
    expect(await guard.execute("mail", { to: "root" }, { runId: "run-1" })).toMatchObject({
      status: "review",
      reason: "security",
      route: "security",
    });
    expect(await guard.halts({ inForce: true })).toMatchObject([
      { scope: "run", id: "run-1", reason: "security", actor: null },
    ]);
    expect(await guard.execute("mail", { to: "bo" }, { runId: "run-1" })).toMatchObject({ status: "halted" });
    expect(await guard.execute("mail", { to: "bo" }, { runId: "run-2" })).toMatchObject({ status: "executed" });
    expect(sent).toEqual(["root", "bo"]);
  });
});

describe("budgets", () => {
  test("actions of a run: the one that goes past the limit is not sent, and halts the run", async () => {
    const { action, sent } = mail();
    const { guard } = testGuard([action], { budgets: { maxActionsPerRun: 2 } });
    const statuses: string[] = [];
    for (const to of ["a", "b", "c", "d"]) {
      statuses.push((await guard.execute("mail", { to }, { runId: "run-1" })).status);
    }
    expect(statuses).toEqual(["executed", "executed", "halted", "halted"]);
    expect(sent).toEqual(["a", "b"]);
    expect(await guard.halts()).toMatchObject([{ scope: "run", id: "run-1", reason: "budget:maxActionsPerRun" }]);
  });

  test("a replay costs nothing", async () => {
    const { action } = mail();
    const { guard } = testGuard([action], { budgets: { maxActionsPerRun: 1 } });
    await guard.execute("mail", { to: "a" }, { runId: "run-1" });
    expect(await guard.execute("mail", { to: "a" }, { runId: "run-1" })).toMatchObject({ status: "replayed" });
  });

  test("amounts per window halt the tenant, and the window moves on", async () => {
    const { action, sent } = mail();
    const { guard, clock } = testGuard([action], { budgets: { amounts: [{ limit: 250, window: "1h" }] } });
    await guard.execute("mail", { to: "a" });
    await guard.execute("mail", { to: "b" });
    await clock.advance(3_700_000);
    expect(await guard.execute("mail", { to: "c" })).toMatchObject({ status: "executed" });
    await guard.execute("mail", { to: "d" });
    expect(await guard.execute("mail", { to: "e" })).toMatchObject({ status: "halted", halt: { scope: "tenant" } });
    expect(sent).toEqual(["a", "b", "c", "d"]);
  });
});
