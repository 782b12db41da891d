import { describe, expect, test } from "vitest";
import type { Claim } from "../core/claim.ts";
import type { Clock, Renewal, Store } from "../core/ports.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { Leases } from "./leases.ts";

/** Leases of 9 s over a store that extends what it is told to, with what it was asked and what was lost. */
function leases(answer: (asked: readonly Renewal[]) => Promise<readonly Renewal[]> = async () => []) {
  const clock = fakeClock();
  const asked: string[][] = [];
  const lost: string[] = [];
  const store = {
    renew: async (renewals: readonly Renewal[]) => {
      asked.push(renewals.map(({ requestId }) => requestId));
      return answer(renewals);
    },
  } as unknown as Store;
  const held = new Leases(store, clock, 9_000);
  const claim = (requestId: string, left = 9_000) =>
    ({
      receipt: { tenant: "acme", requestId, fencingToken: 3, dueAt: 1_000 + left, readAt: 1_000 },
    }) as unknown as Claim;
  const hold = (requestId: string, left?: number) =>
    held.hold(claim(requestId, left), clock.monotonicMs(), () => lost.push(requestId));
  return { clock, asked, lost, held, hold };
}

describe("the leases of a process", () => {
  test("are renewed together, at a third of their time, for as long as something runs", async () => {
    const { clock, asked, hold, held } = leases();
    const [a, b] = [hold("a"), hold("b")];
    await clock.advance(3_000);
    expect(asked).toEqual([["a", "b"]]);
    held.release(a);
    await clock.advance(3_000);
    expect(asked).toEqual([["a", "b"], ["b"]]);
    held.release(b);
    expect(clock.nextInMs()).toBeNull();
    hold("c");
    await clock.advance(3_000);
    expect(asked.at(-1)).toEqual(["c"]);
  });

  test("are asked for with their fence, and for their whole time", async () => {
    const seen: Renewal[] = [];
    const { clock, hold } = leases(async (renewals) => {
      seen.push(...renewals);
      return [];
    });
    hold("a");
    await clock.advance(3_000);
    expect(seen).toMatchObject([{ tenant: "acme", requestId: "a", fencingToken: 3, leaseMs: 9_000 }]);
  });

  test("that the store refuses are lost, once, and the others are not", async () => {
    const { clock, hold, lost, asked } = leases(async (renewals) =>
      renewals.filter(({ requestId }) => requestId === "a"),
    );
    hold("a");
    hold("b");
    await clock.advance(6_000);
    expect(lost).toEqual(["a"]);
    expect(asked).toEqual([["a", "b"], ["b"]]);
  });

  test("are ours until they run out by our own count, where the store does not answer", async () => {
    const { clock, hold, lost } = leases(() => Promise.reject(new Error("away")));
    hold("a");
    await clock.advance(8_999);
    expect(lost).toEqual([]);
    await clock.advance(1);
    expect(lost).toEqual(["a"]);
    expect(clock.nextInMs()).toBeNull();
  });

  test("that ran out while the process was frozen are lost before the store is asked, also while an earlier question hangs", async () => {
    let now = 0;
    let tick = (): void => undefined;
    const clock = {
      monotonicMs: () => now,
      every: (_ms: number, run: () => void) => {
        tick = run;
        return () => undefined;
      },
    };
    const asked: Renewal[] = [];
    const store = {
      renew: (renewals: readonly Renewal[]) => {
        asked.push(...renewals);
        return new Promise(() => undefined);
      },
    };
    const held = new Leases(store as unknown as Store, clock as unknown as Clock, 9_000);
    const lost: string[] = [];
    const hold = (requestId: string): unknown =>
      held.hold(
        {
          receipt: { tenant: "acme", requestId, fencingToken: 3, dueAt: now + 9_000, readAt: now },
        } as unknown as Claim,
        now,
        () => lost.push(requestId),
      );
    hold("before");
    tick();
    expect(asked).toHaveLength(1);
    now = 8_000;
    hold("fresh");
    now = 10_000; // the timers fire late, all at once
    tick();
    expect(lost).toEqual(["before"]);
    expect(asked).toHaveLength(1);
  });

  test("count from before they were asked for, however long the answer took", async () => {
    const { clock, hold, held } = leases(async () => {
      await clock.sleep(2_000);
      return [];
    });
    const a = hold("a");
    await clock.advance(5_000); // asked at 3 s, answered at 5 s: valid until 12 s
    expect(await held.ensure(a, 6_999)).toBe(true);
    expect(a.validUntil).toBe(12_000);
  });

  test("are not renewed again while a slow store still works on it", async () => {
    const gate = Promise.withResolvers<readonly Renewal[]>();
    const { clock, hold, asked } = leases(() => gate.promise);
    hold("a");
    await clock.advance(8_000);
    expect(asked).toHaveLength(1);
    gate.resolve([]);
    await clock.advance(1_000);
    expect(asked).toHaveLength(2);
  });

  test("of a claim that was asked for again are as long as the store says", () => {
    const { hold } = leases();
    expect([hold("a", 4_000).validUntil, hold("b", 99_000).validUntil]).toEqual([4_000, 9_000]);
  });
});

describe("before a dispatch", () => {
  test("a lease with more than the margin left is enough; one with just the margin is renewed", async () => {
    const { clock, hold, held, asked } = leases();
    const a = hold("a");
    expect(await held.ensure(a, 8_999)).toBe(true);
    expect(asked).toEqual([]);
    expect(await held.ensure(a, 9_000)).toBe(false);
    expect(asked).toEqual([["a"]]);
    await clock.advance(2_000);
    expect(await held.ensure(a, 8_000)).toBe(true);
    expect(a.validUntil).toBe(11_000);
  });

  test("a lease that is lost is not enough, and whoever holds it hears of it once", async () => {
    const { hold, held, lost } = leases(async (renewals) => renewals);
    const a = hold("a", 500);
    expect(await held.ensure(a, 1_000)).toBe(false);
    expect(await held.ensure(a, 1_000)).toBe(false);
    expect(lost).toEqual(["a"]);
  });
});
