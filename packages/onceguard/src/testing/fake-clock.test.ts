import { describe, expect, test } from "vitest";
import { fakeClock } from "./fake-clock.ts";

describe("fakeClock", () => {
  test("stands still until it is advanced", async () => {
    const clock = fakeClock(1_000);
    expect([clock.now(), clock.monotonicMs(), clock.nextInMs()]).toEqual([1_000, 0, null]);
    await clock.advance(250);
    expect([clock.now(), clock.monotonicMs()]).toEqual([1_250, 250]);
  });

  test("fires timers at their own time, in order of time and then of creation", async () => {
    const clock = fakeClock();
    const seen: string[] = [];
    const see = (name: string) => () => void seen.push(`${name}@${clock.monotonicMs()}`);
    clock.after(20, see("b"));
    clock.after(10, see("a"));
    void clock.sleep(20).then(see("c"));
    const stop = clock.every(15, see("tick"));
    clock.after(21, see("late"));
    await clock.advance(20);
    expect(seen).toEqual(["a@10", "tick@15", "b@20", "c@20"]);
    expect(clock.nextInMs()).toBe(1);
    await clock.advance(10);
    stop();
    await clock.advance(100);
    expect(seen.slice(4)).toEqual(["late@21", "tick@30"]);
  });

  test("what a timer sets off goes on before the next one, new timers included", async () => {
    const clock = fakeClock();
    const seen: number[] = [];
    void (async () => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(10);
        seen.push(clock.monotonicMs());
      }
    })();
    await clock.advance(100);
    expect(seen).toEqual([10, 20, 30]);
    expect(clock.monotonicMs()).toBe(100);
  });

  test("a sleep ends at once when its signal fires, and leaves no timer behind", async () => {
    const clock = fakeClock();
    const controller = new AbortController();
    const asleep = clock.sleep(1_000, controller.signal);
    controller.abort();
    await asleep;
    await clock.sleep(1_000, controller.signal);
    expect([clock.nextInMs(), clock.monotonicMs()]).toEqual([null, 0]);
  });

  test("a timer can be called off, and a tick can stop itself", async () => {
    const clock = fakeClock();
    let ticks = 0;
    clock.after(5, () => expect.unreachable())();
    const stop = clock.every(0, () => {
      if (++ticks === 3) stop();
    });
    await clock.advance(100);
    expect([ticks, clock.nextInMs()]).toEqual([3, null]);
  });

  test("advances asked for at once follow each other", async () => {
    const clock = fakeClock();
    await Promise.all([clock.advance(10), clock.advance(5)]);
    expect(clock.monotonicMs()).toBe(15);
  });
});
