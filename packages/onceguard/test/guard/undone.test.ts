import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { type ActionOptions, type CompensationContext, defineAction } from "../../src/core/action.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { type TestOptions, testGuard, withVerbs } from "../support/guard.ts";
import { MemoryKeys } from "../support/memory-keys.ts";

// Undoing, carried on by whoever comes to it: another process, another version of the code, after a trouble of the store.

interface Flag {
  readonly id: string;
}
type Options = Partial<ActionOptions<"flag", Flag, Flag, unknown>>;

const BY = { actor: "ada", reason: "wrong rule" };
const busy = () => {
  throw Object.assign(new Error("busy"), { status: 429 });
};
const lost = (): never => {
  throw new Error("socket hang up");
};

/** A shipment, and guards of several processes over one store. */
function port() {
  const world: Record<string, unknown> = { priority: "normal" };
  const undone: CompensationContext<unknown>[] = [];
  const clock = fakeClock();
  const store = memoryStore({ clock: clock.now });
  const flag = (more: Options = {}) =>
    defineAction<"flag", unknown, Flag>({
      name: "flag",
      riskTier: "side_effecting",
      keyFields: ["id"],
      record: ({ id }) => `shipment:${id}`,
      before: () => ({ ...world }),
      retry: { base: "1m", cap: "1m", maxAttempts: 3 },
      execute: () => {
        world.priority = "high";
        return { ticket: 7 };
      },
      compensate: (_payload, context) => {
        undone.push(context);
        world.priority = "normal";
      },
      ...more,
    });
  const process = (more: Options = {}, options: TestOptions = {}) => {
    const made = testGuard([flag(more)], { clock, store, ...options });
    const executed = async () => (await made.guard.execute("flag", { id: "s1" }, { runId: "run-1" })).requestId;
    const planned = () => made.guard.blastRadius({ runId: "run-1" });
    const correct = async (more: { unchecked?: boolean; signal?: AbortSignal } = {}) => {
      const { plan, token } = await planned();
      return made.settle(made.guard.correct(plan, { ...BY, token, ...more }));
    };
    const undoing = async () => (await made.guard.receipts({ action: "flag~undo" }))[0];
    return { ...made, executed, planned, correct, undoing };
  };
  return { world, undone, clock, store, process };
}

describe("an undoing that is not finished", () => {
  test("is carried on by the sweeper of another process, once", async () => {
    const { process, undone, world, clock } = port();
    const first = process({ compensate: busy });
    const requestId = await first.executed();
    const { plan, token } = await first.planned();
    const stop = new AbortController();
    const correcting = first.guard.correct(plan, { ...BY, token, signal: stop.signal });
    await clock.advance(0);
    stop.abort();
    await first.guard.close();
    await correcting;
    const other = process();
    for (let n = 0; n < 3; n++) {
      await clock.advance(60_000);
      await other.settle(other.guard.reconcile());
    }
    expect([undone.length, world.priority]).toEqual([1, "normal"]);
    expect(await other.guard.receipt(requestId)).toMatchObject({ state: "compensated" });
  });

  test("is left alone by a process that does not know how to undo, and the correction there says so", async () => {
    const { process, undone } = port();
    const first = process({ compensate: lost, after: () => ({ priority: "nobody knows" }) });
    const requestId = await first.executed();
    const { plan, token } = await first.planned();
    expect((await first.correct()).rows).toMatchObject([{ result: "open" }]);
    const { version } = (await first.undoing()) ?? { version: 0 };
    const other = process({ compensate: undefined as never });
    await other.settle(other.guard.reconcile());
    const report = await other.settle(other.guard.correct(plan, { ...BY, token }));
    expect(report).toMatchObject({ complete: false, rows: [{ requestId, result: "open", reason: "no_compensate" }] });
    expect(await other.undoing()).toMatchObject({ version });
    expect(undone).toEqual([]);
  });
});

describe("what an undoing is", () => {
  test("keeps the tier of what it undoes, but is never without a claim", async () => {
    const { process } = port();
    const strict = { riskTier: "irreversible", input: v.object({ id: v.string() }) } as const;
    const irreversible = process(strict as never);
    await irreversible.executed();
    await irreversible.correct();
    expect(await irreversible.undoing()).toMatchObject({ riskTier: "irreversible", state: "succeeded" });

    const again = port();
    const before = again.process();
    await before.executed();
    // The action has been declared harmless since.
    const now = again.process({ riskTier: "safe" });
    await now.correct();
    expect(await now.undoing()).toMatchObject({ riskTier: "side_effecting", state: "succeeded" });
    expect(again.undone).toHaveLength(1);
  });

  test("has its turn on the record: nothing is undone while another effect on it is under way", async () => {
    const { process, undone, clock } = port();
    const slow = Promise.withResolvers<void>();
    const made = process({
      serialize: true,
      record: () => "the port",
      timeout: "1h",
      execute: ({ id }) => (id === "s1" ? 1 : slow.promise),
    });
    await made.executed();
    const { plan, token } = await made.planned();
    const other = made.guard.execute("flag", { id: "s2" });
    await clock.advance(0);
    const report = await made.settle(made.guard.correct(plan, { ...BY, token }));
    expect(report.rows).toMatchObject([{ result: "open" }]);
    expect(undone).toEqual([]);
    slow.resolve();
    await other;
  });

  test("is told of no state that nobody has read", async () => {
    const { process, undone } = port();
    const made = process({ before: undefined as never });
    await made.executed();
    await made.correct({ unchecked: true });
    expect(undone).toMatchObject([{ before: undefined, after: undefined }]);
    expect(Object.keys(undone[0] ?? {})).toContain("before");
  });

  test("unchecked, it is also made where the state after the effect could not be read", async () => {
    const { process, undone } = port();
    const blind = process({ after: lost }, { onBackgroundError: () => undefined });
    await blind.executed();
    const made = process();
    expect((await made.correct()).rows).toMatchObject([{ result: "skipped", reason: "after_unknown" }]);
    expect((await made.correct({ unchecked: true })).rows).toMatchObject([{ result: "corrected" }]);
    expect(undone).toHaveLength(1);
  });

  test("unchecked and lost on its way, it is nobody's to judge without both states", async () => {
    for (const unread of [{ after: lost }, { before: undefined as never, after: () => null }]) {
      const { process } = port();
      const blind = process(unread, { onBackgroundError: () => undefined });
      await blind.executed();
      const made = process({ after: () => null, compensate: lost });
      expect((await made.correct({ unchecked: true })).rows).toMatchObject([{ result: "open" }]);
      expect(await made.undoing()).toMatchObject({ state: "in_doubt" });
    }
  });

  test("reads the record by what the effect came to", async () => {
    const { process, world } = port();
    const read: unknown[] = [];
    const made = process({
      after: (_payload, { result, tenant }) => {
        read.push([tenant, result]);
        return { ...world };
      },
    });
    await made.executed();
    await made.correct();
    expect(read).toEqual(Array.from({ length: 3 }, () => ["default", { ticket: 7 }]));
  });

  test("is compared without what the log has redacted, and is written back as it was", async () => {
    const { process, world, undone } = port();
    let n = 0;
    const made = process({
      privacy: { redact: ["pin"] },
      after: () => ({ ...world, pin: `${++n}` }),
    });
    await made.executed();
    expect((await made.correct()).rows).toMatchObject([{ result: "corrected", restored: false }]);
    expect(undone).toMatchObject([{ before: { priority: "normal" }, after: { priority: "high", pin: "[redacted]" } }]);
  });

  test("is encrypted whole where something of its action is, and needs no key where nothing is", async () => {
    const keys = new MemoryKeys();
    for (const [privacy, isEncrypted] of [
      [{ encrypt: ["priority"] }, true],
      [{ redact: ["pin"] }, false],
    ] as const) {
      const { process, undone, store } = port();
      const made = process({ privacy }, isEncrypted ? { keys } : {});
      const requestId = await made.executed();
      expect((await made.correct()).rows).toMatchObject([{ result: "corrected", restored: true }]);
      expect(undone).toMatchObject([{ before: { priority: "normal" }, after: { priority: "high" } }]);
      const undoing = await made.undoing();
      const stored = await store.find("default", undoing?.requestId ?? "");
      expect(stored?.payload?.includes("$encrypted")).toBe(isEncrypted);
      expect(stored?.payload?.includes(requestId)).toBe(!isEncrypted);
      expect(stored?.keyId ?? null).toBe((await made.guard.receipt(requestId))?.keyId ?? null);
    }
  });
});

describe("a trouble of the store", () => {
  test("an effect whose record is gone has nothing that could be undone", async () => {
    const { process, undone, store } = port();
    const unread = { before: undefined as never };
    let gone = "";
    const forgetful = withVerbs(store, {
      find: async (tenant, id) => (id === gone ? null : store.find(tenant, id)),
    });
    const made = process(unread, { store: forgetful });
    const requestId = await made.executed();
    const { plan, token } = await made.planned();
    // A backup without it is restored between the look at it and the undoing.
    const watching = withVerbs(store, {
      find: forgetful.find,
      claim: async (request, readFirst) => {
        if (request.action === "flag~undo") gone = requestId;
        return store.claim(request, readFirst);
      },
    });
    const other = process(unread, { store: watching });
    await other.settle(other.guard.correct(plan, { ...BY, token, unchecked: true }));
    expect(await other.undoing()).toMatchObject({ state: "review", failure: { code: "nothing_to_undo" } });
    expect(undone).toEqual([]);
  });

  test("what became of an undoing is written also when somebody else writes at the same time", async () => {
    const { process, store } = port();
    let others = 0;
    const made = process(
      {},
      {
        store: withVerbs(store, {
          apply: async (change) => {
            if (change.event === "compensated" && others++ < 8) {
              return { kind: "stale", receipt: await store.find("default", change.from.requestId) } as never;
            }
            return store.apply(change);
          },
        }),
      },
    );
    const requestId = await made.executed();
    expect((await made.correct()).rows).toMatchObject([{ result: "corrected" }]);
    expect([others > 8, (await made.guard.receipt(requestId))?.state]).toEqual([true, "compensated"]);
  });
});
