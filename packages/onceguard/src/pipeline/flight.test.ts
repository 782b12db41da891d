import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { Outcome } from "../core/outcome.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { Flight } from "./flight.ts";

const OUTCOME = { status: "denied", requestId: "r", receipt: null, reason: "no" } satisfies Outcome;

function flight() {
  const clock = fakeClock();
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const made = new Flight(clock, "fingerprint", promise);
  const join = (waitMs: number, signal?: AbortSignal) => made.join({ until: clock.monotonicMs() + waitMs, signal });
  return { clock, join, resolve, reject };
}

describe("a flight", () => {
  it("tells its outcome to everybody who has joined, and to whoever joins later", async () => {
    const { clock, join, resolve } = flight();
    const early = [join(1_000), join(Number.POSITIVE_INFINITY), join(1_000, new AbortController().signal)];
    resolve(OUTCOME);
    expect(await Promise.all(early)).toEqual([OUTCOME, OUTCOME, OUTCOME]);
    expect(await join(0)).toBe(OUTCOME);
    expect(clock.nextInMs()).toBeNull();
  });

  it("fails for all of them when it fails", async () => {
    const { join, reject } = flight();
    const waiting = [join(1_000), join(1_000)];
    const error = new Error("a policy that throws");
    reject(error);
    for (const one of waiting) await expect(one).rejects.toBe(error);
    await expect(join(1_000)).rejects.toBe(error);
  });

  it("lets each go when its own patience ends, in whatever order they came", async () => {
    const { clock, join, resolve } = flight();
    const left: string[] = [];
    const waits = (name: string, ms: number) =>
      join(ms).then((answer) => left.push(`${name} ${answer?.status ?? "-"}`));
    const all = [waits("long", 300), waits("short", 100), waits("middle", 200)];
    await clock.advance(100);
    expect(left).toEqual(["short -"]);
    all.push(waits("late", 50));
    await clock.advance(50);
    expect(left).toEqual(["short -", "late -"]);
    await clock.advance(50);
    expect(left).toEqual(["short -", "late -", "middle -"]);
    resolve(OUTCOME);
    await Promise.all(all);
    expect(left).toEqual(["short -", "late -", "middle -", "long denied"]);
  });

  it("one timer for all of them, and none when nobody is left", async () => {
    const { clock, join } = flight();
    const { signal, abort } = leaving();
    const waiting = [join(300), join(200, signal)];
    expect(clock.nextInMs()).toBe(200);
    await clock.advance(200);
    expect(clock.nextInMs()).toBe(100);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    abort();
    await clock.advance(100);
    expect(await Promise.all(waiting)).toEqual([null, null]);
    expect(clock.nextInMs()).toBeNull();
  });

  it("a signal lets go of one caller, at once", async () => {
    const { clock, join, resolve } = flight();
    const { signal, abort } = leaving();
    const [leaver, stayer] = [join(1_000, signal), join(1_000)];
    abort();
    expect(await leaver).toBeNull();
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect(await join(1_000, signal)).toBeNull();
    resolve(OUTCOME);
    expect(await stayer).toBe(OUTCOME);
    expect(clock.nextInMs()).toBeNull();
  });

  it("the last one to leave by a signal leaves no timer behind", async () => {
    const { clock, join } = flight();
    const { signal, abort } = leaving();
    const leaver = join(1_000, signal);
    abort();
    expect(await leaver).toBeNull();
    expect(clock.nextInMs()).toBeNull();
  });
});

function leaving() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
