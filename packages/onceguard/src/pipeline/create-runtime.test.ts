import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testGuard, withVerbs } from "../../test/support/guard.ts";
import { defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Notifier } from "../core/notification.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";

// What the options of a guard come to: what is refused, and what holds where nothing is said.

const send = (execute: (payload: { id: string }) => unknown = () => "sent") =>
  defineAction({ name: "send", riskTier: "side_effecting", keyFields: ["id"], execute });
const lost = (): never => {
  throw new Error("socket hang up");
};

function refused(make: () => unknown): unknown {
  try {
    make();
  } catch (error) {
    const { code, fields, message } = error as OnceguardError;
    return { code, fields, message };
  }
  return null;
}

describe("options that are refused", () => {
  test("a lease that is too short to be renewed, and a margin that is all of it", () => {
    expect(refused(() => testGuard([], { lease: 99 }))).toEqual({
      ...{ code: "invalid_option", fields: { option: "lease", value: 99 } },
      message: "lease is 99; it must be at least 100 ms.",
    });
    expect(refused(() => testGuard([], { lease: 100 }))).toBeNull();
    expect(refused(() => testGuard([], { lease: "1s", leaseMargin: "1s" }))).toMatchObject({
      fields: { option: "leaseMargin", value: "1s" },
    });
    expect(refused(() => testGuard([], { lease: "1s", leaseMargin: 999 }))).toBeNull();
  });

  test("two actions of one name", () => {
    expect(refused(() => testGuard([send(), send()]))).toMatchObject({
      ...{ code: "duplicate_action", fields: { action: "send" } },
    });
  });

  test("notifiers that are none, alone or among others, and routes that do not exist", () => {
    const good: Notifier = { name: "good", deliver: async () => undefined };
    for (const wrong of [{}, null, [good, {}], [good, undefined]]) {
      expect(refused(() => testGuard([], { notify: { operator: wrong } as never }))).toMatchObject({
        ...{ code: "invalid_option", fields: { option: "notify.operator" } },
      });
    }
    expect(refused(() => testGuard([], { notify: { manager: good } as never }))).toMatchObject({
      ...{ code: "invalid_option", fields: { option: "notify.manager", value: "manager" } },
    });
    expect(refused(() => testGuard([], { notify: { operator: good, security: [good, good] } }))).toBeNull();
  });
});

test("a route without notifiers keeps what is to be told for somebody who has some", async () => {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const told: string[] = [];
  const silent = testGuard([send(lost)], { clock, store, notify: { operator: [] } });
  const { requestId } = await silent.settle(silent.guard.execute("send", { id: "1" }));
  await silent.settle(silent.guard.reconcile());
  const operator: Notifier = {
    name: "pager",
    deliver: async (notification) => {
      told.push(notification.requestId ?? "");
    },
  };
  const other = testGuard([], { clock, store, notify: { operator } });
  await other.settle(other.guard.tellPeople());
  expect(told).toEqual([requestId]);
});

test("consent given under one version of the policy does not count under another", async () => {
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const rules = [{ action: "send", verdict: "review", reason: "look at it" }] as const;
  const guardOf = (policyVersion?: string) =>
    testGuard([send()], { clock, store, rules, ...(policyVersion !== undefined && { policyVersion }) }).guard;
  const held = async (id: string) => (await guardOf("2").execute("send", { id })).requestId;
  const [one, two] = [await held("1"), await held("2")];
  for (const id of [one, two]) await guardOf("2").approve(id, { actor: "bob", reason: "fine" });
  expect(await guardOf().execute("send", { id: "1" })).toMatchObject({ status: "held" });
  expect(await guardOf("2").execute("send", { id: "2" })).toMatchObject({ status: "executed" });
  expect((await guardOf().receipt(one))?.hold?.policyVersion).toBe("1");
});

test("trouble in the background is a warning of the process, where nobody else wants to hear of it", async () => {
  const broken = (): never => {
    throw new Error("telemetry is broken");
  };
  const begin = () => ({ within: <T>(work: () => T) => work(), end: broken });
  const telemetry = {
    call: () => ({ ...begin(), traceId: null }),
    ...{ carryOn: begin, effect: begin, probe: begin, store: begin, open: () => undefined },
    outside: <T>(work: () => T) => work(),
  };
  const warned = once(process, "warning");
  await testGuard([send()], { telemetry }).guard.execute("send", { id: "1" });
  expect(await warned).toMatchObject([{ message: "telemetry is broken" }]);
});

describe("the store", () => {
  test("is opened once for all calls, and again only where that has failed", async () => {
    const inner = memoryStore();
    let opened = 0;
    let isAway = true;
    const store = withVerbs(inner, {
      open: async () => {
        opened += 1;
        if (isAway) throw new OnceguardError("store_unusable", "not migrated");
        return inner.open();
      },
    });
    const { guard } = testGuard([send()], { store });
    const both = () => Promise.allSettled([guard.receipts(), guard.receipts()]);
    expect((await both()).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(opened).toBe(1);
    isAway = false;
    expect((await both()).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    await guard.execute("send", { id: "1" });
    expect(opened).toBe(2);
  });

  test("is told what calls came to also where nobody asks: a moment later", async () => {
    const problems: unknown[] = [];
    const clock = fakeClock();
    const store = memoryStore({ clock: clock.now });
    let isAway = false;
    const gone = new OnceguardError("store_unavailable", "gone", { applied: "no" });
    const { guard } = testGuard([send()], {
      clock,
      onBackgroundError: (error) => problems.push(error),
      store: withVerbs(store, { append: (line) => (isAway ? Promise.reject(gone) : store.append(line)) }),
    });
    const replays = async () => (await store.searchLog({ events: ["replayed"], limit: 9 })).length;
    await guard.execute("send", { id: "1" });
    await guard.execute("send", { id: "1" });
    expect(await replays()).toBe(0);
    await clock.advance(250);
    expect(await replays()).toBe(1);
    isAway = true;
    await guard.execute("send", { id: "1" });
    await clock.advance(250);
    expect([await replays(), problems]).toEqual([1, [gone]]);
  });
});

test("an effect whose turn comes when the guard has stopped waiting is not sent", async () => {
  const clock = fakeClock();
  const inner = memoryStore({ clock: clock.now });
  const gate = Promise.withResolvers<void>();
  const store = withVerbs(inner, {
    claim: async (request, readFirst) => {
      const answer = await inner.claim(request, readFirst);
      await gate.promise;
      return answer;
    },
  });
  const sent: string[] = [];
  const made = testGuard([send(({ id }) => sent.push(id))], {
    clock,
    store,
    grace: "1s",
    lease: "1h",
    storeTimeout: "1h",
  });
  const call = made.guard.execute("send", { id: "1" });
  await clock.advance(0);
  const closed = made.guard.close();
  await clock.advance(1_000);
  gate.resolve();
  await made.settle(Promise.all([call, closed]));
  expect(sent).toEqual([]);
});

describe("what the store did not take", () => {
  const away = (durable: boolean) => {
    const clock = fakeClock();
    const inner = memoryStore({ clock: clock.now });
    return {
      clock,
      store: withVerbs(inner, {
        durable,
        apply: () => Promise.reject(new OnceguardError("store_unavailable", "gone", { applied: "no" })),
      } as never),
    };
  };
  const folder = () => join(mkdtempSync(join(tmpdir(), "onceguard-options-")), "spill");
  const lose = async (durable: boolean, spill?: string | false) => {
    const problems: unknown[] = [];
    const onBackgroundError = (error: unknown) => problems.push(error);
    const made = testGuard([send()], { ...away(durable), onBackgroundError, ...(spill !== undefined && { spill }) });
    const outcome = await made.settle(made.guard.execute("send", { id: "1" }));
    expect(problems).toEqual([]);
    return outcome;
  };

  test("is kept in the folder that is named, whatever the store", async () => {
    for (const durable of [true, false]) {
      const spill = folder();
      expect(await lose(durable, spill)).toMatchObject({ status: "in_doubt" });
      expect(readdirSync(spill)).toHaveLength(1);
    }
  });

  test("is kept beside the process for a store that lasts, and nowhere for one that does not, or where it must not", async () => {
    const cwd = process.cwd();
    process.chdir(mkdtempSync(join(tmpdir(), "onceguard-options-")));
    try {
      await lose(false);
      await lose(true, false);
      expect(existsSync(".onceguard-spill")).toBe(false);
      await lose(true);
      expect(readdirSync(".onceguard-spill")).toHaveLength(1);
    } finally {
      process.chdir(cwd);
    }
  });
});
