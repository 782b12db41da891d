import { describe, expect, test } from "vitest";
import { defineAction } from "../../src/core/action.ts";
import { OnceguardError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { DataKeys } from "../../src/pipeline/data-keys.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { testGuard, withVerbs } from "../support/guard.ts";
import { MemoryKeys } from "../support/memory-keys.ts";

interface Payment {
  readonly ref: string;
  readonly iban: string;
  readonly who: string;
}

function desk(
  behave: (payment: Payment) => unknown = ({ iban }) => ({ iban }),
  verbs: (store: Store) => Partial<Store> = () => ({}),
) {
  const ring = new MemoryKeys();
  const paid: Payment[] = [];
  const pay = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["ref"],
    privacy: { encrypt: ["iban"], subject: (payload) => (payload as Payment).who },
    execute: async (payment: Payment) => {
      paid.push(payment);
      return behave(payment);
    },
  });
  const clock = fakeClock();
  const inner = memoryStore({ clock: clock.now });
  const store = withVerbs(inner, verbs(inner));
  return { ...testGuard([pay], { clock, store, keys: ring }), ring, paid, pay };
}

const BY = { actor: "ada", reason: "asked to be forgotten" };
const payment = (ref: string, who = "anna"): Payment => ({ ref, iban: "AT611904300234573201", who });

describe("an erasure", () => {
  test("forgets what is settled of the subject, destroys its key, and says so in the log without its name", async () => {
    const { guard, ring } = desk();
    const first = await guard.execute("pay", payment("1"));
    await guard.execute("pay", payment("2"));
    const other = await guard.execute("pay", payment("3", "bert"));
    const told: number[] = [];
    const keyId = await ring.idOf("default", "anna");
    expect(await guard.erase({ subject: "anna", ...BY, onProgress: (n) => told.push(n) })).toEqual({
      destroyed: true,
      expired: 2,
    });
    expect(told).toEqual([2]);
    expect(await guard.receipt(first.requestId)).toMatchObject({
      state: "expired",
      reason: "succeeded",
      payload: null,
    });
    expect(await guard.receipt(other.requestId)).toMatchObject({ state: "succeeded" });
    expect(await ring.idOf("default", "anna")).toBeNull();
    const line = (await guard.log({ limit: 50 })).find(({ event }) => event === "erased");
    expect(line).toMatchObject({
      actor: "ada",
      requestId: null,
      action: null,
      recordId: null,
      runId: null,
      traceId: null,
      cause: null,
    });
    expect(JSON.parse(line?.detail ?? "")).toEqual({ keyId, reason: BY.reason });
  });

  test("of somebody who is not known here, or has been forgotten, does nothing", async () => {
    const { guard } = desk();
    await guard.execute("pay", payment("1"));
    expect(await guard.erase({ subject: "nobody", ...BY })).toEqual({ destroyed: false, expired: 0 });
    await guard.erase({ subject: "anna", ...BY });
    expect(await guard.erase({ subject: "anna", ...BY })).toEqual({ destroyed: false, expired: 0 });
    expect(await guard.erase({ subject: "anna", tenant: "acme", ...BY })).toEqual({ destroyed: false, expired: 0 });
  });

  test("waits for what is open: nobody could settle it afterwards", async () => {
    const { guard } = desk(() => {
      throw new Error("socket hang up");
    });
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) ids.push((await guard.execute("pay", payment(`${n}`))).requestId);
    const error = await guard.erase({ subject: "anna", ...BY }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "subject_in_use" });
    expect(new Set((error as OnceguardError).fields.requestIds as string[])).toEqual(new Set(ids));
    expect((error as OnceguardError).message).toMatch(
      /^4 of the subject's requests are open.*, \.\.\.\. Settle them first/,
    );
    for (const id of ids) await guard.resolve(id, { decision: "did_not_happen", ...BY });
    expect(await guard.erase({ subject: "anna", ...BY })).toEqual({ destroyed: true, expired: 4 });
  });

  test.each([
    [3, "3 of", 3, false],
    [21, "20 or more of", 20, true],
  ])("waiting for %d open requests it names some", async (count, told, named, more) => {
    const { guard } = desk(() => {
      throw new Error("socket hang up");
    });
    for (let n = 0; n < count; n++) await guard.execute("pay", payment(`${n}`));
    const error = (await guard.erase({ subject: "anna", ...BY }).catch((thrown: unknown) => thrown)) as OnceguardError;
    expect(error.message.startsWith(told)).toBe(true);
    expect(error.message.includes(", ....")).toBe(more);
    expect(error.message.match(/[0-9a-f]{64}/g)).toHaveLength(3);
    expect(error.fields.requestIds).toHaveLength(named);
  });

  test("forgets however much there is, and tells how far it is", async () => {
    const { guard } = desk();
    for (let n = 0; n < 501; n++) await guard.execute("pay", payment(`${n}`));
    const told: number[] = [];
    expect(await guard.erase({ subject: "anna", ...BY, onProgress: (n) => told.push(n) })).toMatchObject({
      expired: 501,
    });
    expect(told).toEqual([500, 501]);
    expect(await guard.receipts({ states: ["succeeded"] })).toEqual([]);
  });

  test("that was cut off goes on, and counts what it has forgotten itself", async () => {
    const { guard, ring } = desk();
    await guard.execute("pay", payment("1"));
    const { destroy } = ring;
    ring.destroy = () => Promise.reject(new Error("the ring is away"));
    await expect(guard.erase({ subject: "anna", ...BY })).rejects.toMatchObject({ code: "key_unavailable" });
    ring.destroy = destroy;
    expect(await guard.erase({ subject: "anna", ...BY })).toEqual({ destroyed: true, expired: 0 });
  });

  test("does not count what somebody else was faster with", async () => {
    const { guard } = desk(undefined, (store) => ({
      apply: async (change) =>
        change.event === "expire"
          ? ({ kind: "stale", receipt: await store.find(change.from.tenant, change.from.requestId) } as never)
          : store.apply(change),
    }));
    await guard.execute("pay", payment("1"));
    expect(await guard.erase({ subject: "anna", ...BY })).toEqual({ destroyed: true, expired: 0 });
  });

  test("needs somebody, a reason, and a guard with keys", async () => {
    const { guard, pay } = desk();
    await expect(guard.erase({ subject: "anna", actor: "ada", reason: " " })).rejects.toMatchObject({
      code: "missing_reason",
    });
    const without = testGuard([]).guard;
    await expect(without.erase({ subject: "anna", ...BY })).rejects.toMatchObject({
      code: "invalid_option",
      fields: { option: "keys" },
    });
    expect(() => testGuard([pay])).toThrow(
      expect.objectContaining({ code: "invalid_option", fields: { option: "keys", action: "pay" } }),
    );
  });
});

describe("a request whose key has been destroyed", () => {
  test("is known by its id, and never executes again, though nothing of it can be compared", async () => {
    const { guard, paid } = desk();
    const { requestId } = await guard.execute("pay", payment("1"));
    await guard.erase({ subject: "anna", ...BY });
    expect(await guard.execute("pay", payment("1"))).toMatchObject({ status: "expired", requestId });
    expect(paid).toHaveLength(1);
  });

  test("under a key that is still there it is compared as ever, also when it is forgotten", async () => {
    const { guard, clock } = desk();
    await guard.execute("pay", payment("1"));
    await clock.advance(1_000);
    await guard.expire({ olderThan: "1ms" });
    expect(await guard.execute("pay", { ...payment("1"), iban: "another" })).toMatchObject({ status: "mismatch" });
    expect(await guard.execute("pay", payment("1"))).toMatchObject({ status: "expired" });
  });
});

describe("whose data it is", () => {
  test("has to be said: a subject without a name stops the call before anything is sent", async () => {
    const { guard, paid } = desk();
    await expect(guard.execute("pay", payment("1", ""))).rejects.toMatchObject({
      ...{ code: "invalid_context", fields: { what: "privacy.subject", action: "pay" } },
    });
    await expect(guard.execute("pay", payment("1", 5 as never))).rejects.toMatchObject({ code: "invalid_context" });
    expect(paid).toEqual([]);
  });

  test("decides under which key it lies, and what it is compared with", async () => {
    const { guard } = desk();
    const [one, two, three] = [
      await guard.execute("pay", payment("1")),
      await guard.execute("pay", payment("2")),
      await guard.execute("pay", payment("3", "bert")),
    ];
    expect(one.receipt?.keyId).toBe(two.receipt?.keyId);
    expect(one.receipt?.keyId).not.toBe(three.receipt?.keyId);
    expect(one).toMatchObject({ result: { iban: payment("1").iban } });
  });
});

describe("the key ring, as the guard asks it", () => {
  const keys = () => {
    const [ring, clock] = [new MemoryKeys(), fakeClock()];
    return { ring, clock, keys: new DataKeys(ring, clock) };
  };

  test("is asked for each key about once a minute", async () => {
    const { ring, clock, keys: data } = keys();
    const key = await data.current("acme", "anna");
    expect(await data.current("acme", "anna")).toBe(key);
    // What was just claimed under it is read back from memory.
    expect(await data.find("acme", key.id)).toBe(key);
    expect(ring.asked).toEqual(["current"]);
    await clock.advance(59_999);
    await data.current("acme", "anna");
    expect(ring.asked).toEqual(["current"]);
    await clock.advance(1);
    await data.current("acme", "anna");
    await data.find("acme", key.id);
    expect(ring.asked.filter((verb) => verb === "current")).toHaveLength(2);
  });

  test("keeps tenants and subjects apart", async () => {
    const { keys: data } = keys();
    const ids = [
      data.current("acme", "anna"),
      data.current("acme", "bert"),
      data.current("acme", null),
      data.current("b", "anna"),
    ];
    const known = (await Promise.all(ids)).map(({ id }) => id);
    expect(new Set(known).size).toBe(4);
    for (const id of known) expect(await data.find("acme", id)).toMatchObject({ id });
  });

  test("is asked again where there are too many to remember", async () => {
    const { ring, keys: data } = keys();
    for (let n = 0; n <= 5_000; n++) await data.current("acme", `subject ${n}`);
    expect(ring.asked).toHaveLength(5_001);
    await data.current("acme", "subject 5000");
    expect(ring.asked).toHaveLength(5_001);
    await data.current("acme", "subject 0");
    expect(ring.asked).toHaveLength(5_002);
  });

  test("is asked again for what it did not have, and after a trouble of its own", async () => {
    const { ring, keys: data } = keys();
    expect([await data.find("acme", "key-1"), await data.find("acme", "key-1")]).toEqual([null, null]);
    expect(ring.asked).toEqual(["find", "find"]);
    ring.away = true;
    await expect(data.current("acme", "anna")).rejects.toMatchObject({
      ...{
        code: "key_unavailable",
        message: expect.stringContaining("the ring is away"),
        cause: { message: "the ring is away" },
      },
    });
    await expect(data.idOf("acme", "anna")).rejects.toMatchObject({ code: "key_unavailable" });
    await expect(data.destroy("acme", "anna")).rejects.toMatchObject({ code: "key_unavailable" });
    ring.away = false;
    expect(await data.current("acme", "anna")).toMatchObject({ id: "key-1" });
  });

  test("passes its own errors on as they are", async () => {
    const ring = new MemoryKeys();
    ring.find = () => Promise.reject(new OnceguardError("key_unavailable", "wrong master key"));
    await expect(new DataKeys(ring, fakeClock()).find("acme", "k")).rejects.toMatchObject({
      message: "wrong master key",
    });
  });

  test("forgets a key that was destroyed at once", async () => {
    const { ring, keys: data } = keys();
    const key = await data.current("acme", "anna");
    await data.destroy("acme", "anna");
    expect(await data.find("acme", key.id)).toBeNull();
    expect((await data.current("acme", "anna")).id).not.toBe(key.id);
    expect(ring.asked).toEqual(["current", "destroy", "find", "current"]);
  });
});
