import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { measure } from "./measure.ts";
import { measureOpen } from "./open-loop.ts";

/** Answers at once, but for one stall in which nobody is answered. */
function stalling(afterMs: number, stallMs: number) {
  const start = performance.now() + afterMs;
  let stalled: Promise<void> | null = null;
  return {
    name: "stalling",
    operation: async () => {
      if (performance.now() < start) return;
      stalled ??= sleep(stallMs);
      await stalled;
    },
  };
}

it("counts everybody whom a stall has met, where a closed loop counts one", async () => {
  const open = await measureOpen(stalling(300, 400), 500, 1_000);
  // 200 of 500 arrivals fall into the stall: they wait 200 ms on average.
  expect(open.p50Ms).toBeLessThan(100);
  expect(open.p90Ms).toBeGreaterThan(150);
  expect(open.maxMs).toBeGreaterThan(350);
  const closed = await measure(stalling(300, 400), 1, 1_000);
  expect(closed.p99Ms).toBeLessThan(50);
});

it("keeps to the rate, and says when it was not kept up with", async () => {
  const begun: number[] = [];
  const noting = { name: "noting", operation: async () => void begun.push(performance.now()) };
  const free = await measureOpen(noting, 1_000, 500);
  expect(begun).toHaveLength(100 + 500); // a warm-up of a fifth
  expect(free.perSecond).toBeGreaterThan(800);

  let busy: Promise<unknown> = Promise.resolve();
  const operation = (): Promise<unknown> => {
    busy = busy.then(() => sleep(5));
    return busy;
  };
  const oneAtATime = { name: "one at a time", operation };
  const late = await measureOpen(oneAtATime, 1_000, 300); // can do at most 200 a second
  expect(late.perSecond).toBeLessThan(250);
  expect(late.p50Ms).toBeGreaterThan(300);
});
