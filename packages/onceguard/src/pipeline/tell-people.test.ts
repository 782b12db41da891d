import { expect, test } from "vitest";
import { testGuard, withVerbs } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";
import type { Notification } from "../core/notification.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

const rejected = (status: number) =>
  defineAction({
    name: "mail",
    riskTier: "side_effecting",
    keyFields: ["id"],
    record: (payload: { id: string }) => `person:${payload.id}`,
    execute: async (_payload: { id: string }): Promise<string> => {
      throw Object.assign(new Error("no"), { status });
    },
  });

function inbox() {
  const told: Notification[] = [];
  let broken = false;
  return {
    told,
    break: (is: boolean) => {
      broken = is;
    },
    notifier: {
      name: "test inbox",
      deliver: async (notification: Notification) => {
        told.push(notification);
        if (broken) throw new Error("away");
      },
    },
  };
}

test.each([
  [422, "data_owner", "validation"],
  [409, "domain_expert", "conflict"],
  [403, "security", "security"],
] as const)("%i goes to the %s, once", async (status, route, reason) => {
  const right = inbox();
  const wrong = inbox();
  const others = (["data_owner", "domain_expert", "operator", "security"] as const).filter((one) => one !== route);
  const notify = { [route]: right.notifier, ...Object.fromEntries(others.map((one) => [one, wrong.notifier])) };
  const { guard } = testGuard([rejected(status)], { notify });
  const { requestId } = await guard.execute("mail", { id: "7" });
  await guard.tellPeople();
  await guard.tellPeople();
  expect(right.told).toMatchObject([
    { kind: "review", route, reason, requestId, action: "mail", recordId: "person:7" },
  ]);
  expect(wrong.told).toEqual([]);
});

test("again with the same id until every notifier of the route has taken it", async () => {
  const good = inbox();
  const bad = inbox();
  bad.break(true);
  const reports: unknown[] = [];
  const { guard, clock } = testGuard([rejected(422)], {
    notify: { data_owner: [good.notifier, bad.notifier] },
    onBackgroundError: (error) => reports.push(error),
  });
  await guard.execute("mail", { id: "7" });
  await guard.tellPeople();
  await guard.tellPeople(); // its pause is not over
  expect(bad.told).toHaveLength(1);
  bad.break(false);
  await clock.advance(10_000);
  await guard.tellPeople();
  await clock.advance(86_400_000);
  await guard.tellPeople();
  expect(bad.told).toHaveLength(2);
  expect(good.told).toHaveLength(2);
  expect(new Set([...good.told, ...bad.told].map(({ id }) => id)).size).toBe(1);
  expect(reports).toHaveLength(1);
});

test("by a process that dies before it can say so: told again by another one, with the same id", async () => {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const first = inbox();
  const dying = withVerbs(store, { settleNotification: () => new Promise(() => undefined) });
  const { guard } = testGuard([rejected(422)], { clock, store: dying, notify: { data_owner: first.notifier } });
  await guard.execute("mail", { id: "7" });
  void guard.tellPeople();
  await clock.advance(0);
  const second = inbox();
  const survivor = testGuard([], { clock, store, notify: { data_owner: second.notifier } }).guard;
  await survivor.tellPeople();
  expect([first.told.length, second.told.length], "while the first may still be at it").toEqual([1, 0]);
  await clock.advance(120_000);
  await survivor.tellPeople();
  expect(second.told).toEqual(first.told);
  await clock.advance(86_400_000);
  await survivor.tellPeople();
  expect(second.told).toHaveLength(1);
});

test("a notifier that hangs, or throws at once, keeps nobody else from being told", async () => {
  const right = inbox();
  const reports: unknown[] = [];
  const hangs = { name: "hangs", deliver: () => new Promise<void>(() => undefined) };
  const throws = {
    name: "throws",
    deliver: () => {
      throw new Error("at once");
    },
  };
  const { guard, settle } = testGuard([rejected(422)], {
    notify: { data_owner: [hangs, throws, right.notifier] },
    onBackgroundError: (error) => reports.push(error),
  });
  await guard.execute("mail", { id: "7" });
  await settle(guard.tellPeople());
  expect(right.told).toHaveLength(1);
  expect(reports).toMatchObject([{ code: "notification_failed" }, { message: "at once" }]);
});

test("held requests, halts and conflicts are told, too", async () => {
  const operator = inbox();
  const security = inbox();
  const { guard } = testGuard([rejected(403)], {
    notify: { operator: operator.notifier, security: security.notifier },
    rules: [{ action: "mail", tenant: "globex", verdict: "review", reason: "new customer" }],
  });
  await guard.execute("mail", { id: "1" }, { tenant: "globex" });
  await guard.execute("mail", { id: "2" }, { runId: "run-1" });
  await guard.halt("action", "mail", { actor: "ada", reason: "enough" });
  await guard.tellPeople();
  expect(operator.told.toSorted((a, b) => (a.kind < b.kind ? -1 : 1))).toMatchObject([
    { kind: "halted", action: "mail", reason: "enough" },
    { kind: "held", tenant: "globex", reason: "new customer" },
  ]);
  expect(security.told.map(({ kind, runId }) => [kind, runId]).sort()).toEqual([
    ["halted", "run-1"],
    ["review", "run-1"],
  ]);
});

test("what nobody here can deliver is left for a process that can", async () => {
  const { guard, store, clock } = testGuard([rejected(422)]);
  await guard.execute("mail", { id: "7" });
  await guard.tellPeople();
  const owner = inbox();
  const other = testGuard([], { store, clock, notify: { data_owner: owner.notifier } });
  await other.guard.tellPeople();
  expect(owner.told).toHaveLength(1);
});

test("a route that does not exist, and a notifier that is none, are refused at once", () => {
  expect(() => testGuard([], { notify: { boss: inbox().notifier } as object })).toThrowError(
    expect.objectContaining({ code: "invalid_option" }),
  );
  expect(() => testGuard([], { notify: { operator: {} as never } })).toThrowError(
    expect.objectContaining({ code: "invalid_option" }),
  );
});
