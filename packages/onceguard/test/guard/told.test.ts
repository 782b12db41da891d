import { describe, expect, test } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import type { OnceguardError } from "../../src/core/errors.ts";
import type { Notification } from "../../src/core/notification.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { type TestOptions, testGuard } from "../support/guard.ts";

// What people are told, and what the log is told of calls that changed nothing.

const BY = { actor: "ada", reason: "stop it" };

function desk(options: TestOptions = {}, execute: (mail: { id: string }) => unknown = () => "sent") {
  const mail = defineAction({ name: "mail", riskTier: "side_effecting", keyFields: ["id"], execute });
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  return testGuard([mail], { clock, store, ...options });
}
const refused = () => {
  throw Object.assign(new Error("no such address"), { status: 422 });
};

describe("people", () => {
  test("are told of everything there is in one pass, and no timer is left behind", async () => {
    const told: Notification[] = [];
    const notifier = { name: "inbox", deliver: async (one: Notification) => void told.push(one) };
    const { guard, clock } = desk({ notify: { data_owner: notifier }, logCalls: false }, refused);
    for (let n = 0; n < 17; n++) await guard.execute("mail", { id: `${n}` });
    const before = clock.nextInMs();
    await guard.tellPeople();
    expect(new Set(told.map(({ requestId }) => requestId)).size).toBe(17);
    expect(clock.nextInMs()).toBe(before);
  });

  test("are told nothing more by a guard that closes: another one does it", async () => {
    const told: string[] = [];
    const notifier = { name: "inbox", deliver: async () => void told.push("told") };
    const { guard, settle } = desk({ notify: { data_owner: notifier } }, refused);
    await guard.execute("mail", { id: "1" });
    const closed = guard.close();
    await guard.tellPeople().catch(() => undefined);
    await settle(closed);
    expect(told).toEqual([]);
  });
});

describe("the log of calls", () => {
  const lines = async ({ guard }: ReturnType<typeof desk>, event: string) =>
    (await guard.log({ events: [event], limit: 9 })).map(({ detail, actor, requestId }) => ({
      ...{ detail: detail && JSON.parse(detail), actor, requestId },
    }));

  test("counts equal calls in one line, with what they came to", async () => {
    const made = desk();
    const { requestId } = await made.guard.execute("mail", { id: "1" }, { actor: "bob" });
    for (let n = 0; n < 2; n++) await made.guard.execute("mail", { id: "1" }, { actor: "bob" });
    await made.guard.halt("action", "mail", BY);
    for (let n = 0; n < 3; n++) await made.guard.execute("mail", { id: "2" }, { actor: "bob" });
    expect(await lines(made, "replayed")).toEqual([{ detail: { times: 2 }, actor: "bob", requestId }]);
    expect(await lines(made, "refused")).toMatchObject([
      { detail: { halted: "action", id: "mail", times: 3 }, actor: "bob" },
    ]);
  });

  test("has no second word of what a person has denied: that is in the record", async () => {
    const rules = [{ action: "mail", verdict: "review", reason: "look at it" }] as const;
    const made = desk({ rules });
    const { requestId } = await made.guard.execute("mail", { id: "1" });
    await made.guard.deny(requestId, { actor: "bob", reason: "no" });
    expect(await made.guard.execute("mail", { id: "1" })).toMatchObject({ status: "denied" });
    expect(await lines(made, "refused")).toEqual([]);
  });

  test("can be left out", async () => {
    const made = desk({ logCalls: false });
    await made.guard.execute("mail", { id: "1" });
    await made.guard.execute("mail", { id: "1" });
    await made.guard.propose("mail", { id: "2" });
    expect((await made.guard.log({ limit: 9 })).map(({ event }) => event)).toEqual(["success", "claim"]);
    await made.settle(made.guard.close());
  });
});

describe("errors say what it was about", () => {
  const fields = (promise: Promise<unknown>) =>
    promise.then(
      () => null,
      (error: OnceguardError) => ({ code: error.code, ...error.fields }),
    );

  test("a halt that is none, or of something without a name", async () => {
    const { guard } = desk();
    expect(await fields(guard.resume("run", "r1", BY))).toEqual({
      ...{ code: "not_resolvable", scope: "run", id: "r1", tenant: "default" },
    });
    expect(await fields(guard.halt("run", "", BY))).toMatchObject({ code: "invalid_context", what: "run", id: "" });
  });

  test("a guard that is closed, and one without a store", async () => {
    const { guard, settle, clock } = desk();
    await guard.receipts();
    await settle(guard.close());
    expect(clock.nextInMs()).toBeNull();
    expect(await fields(guard.receipts())).toEqual({ code: "store_unavailable", applied: "no" });
    expect(() => testGuard([], { store: {} as never })).toThrow(
      expect.objectContaining({ fields: { option: "store" } }),
    );
  });
});
