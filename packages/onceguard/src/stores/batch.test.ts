import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { OnceguardError } from "../core/errors.ts";
import { Lane, type LaneOptions } from "./batch.ts";

/** A lane whose flushes wait until they are told to end; answers with twice the item. */
function lane(options: Partial<LaneOptions<number, number>> = {}) {
  const batches: number[][] = [];
  const waiting: (() => void)[] = [];
  let open = false;
  const made = new Lane<number, number>({
    flush: async (items) => {
      batches.push([...items]);
      if (!open) await new Promise<void>((resolve) => waiting.push(resolve));
      return items.map((item) => item * 2);
    },
    ...options,
  });
  return {
    lane: made,
    batches,
    /** Ends the flush that began first, and lets the next one begin. */
    async end() {
      waiting.shift()?.();
      await turn();
      await turn();
    },
    async endAll() {
      open = true;
      for (const end of waiting.splice(0)) end();
      await turn();
    },
  };
}

const push = (to: Lane<number, number>, ...items: number[]) => items.map((item) => to.push(item));

describe("Lane", () => {
  test("a lone call goes straight through, in the same turn", async () => {
    const { lane: one, batches, end } = lane();
    const answer = one.push(1);
    expect(batches).toEqual([[1]]);
    await end();
    expect(await answer).toBe(2);
  });

  test("what arrives during a flush gathers and shares the next one, each with its own answer", async () => {
    const { lane: one, batches, end } = lane();
    const answers = push(one, 1, 2, 3, 4);
    await turn();
    expect(batches).toEqual([[1]]);
    await end();
    expect(batches).toEqual([[1], [2, 3, 4]]);
    answers.push(one.push(5));
    await end();
    await end();
    expect(await Promise.all(answers)).toEqual([2, 4, 6, 8, 10]);
    expect(batches).toEqual([[1], [2, 3, 4], [5]]);
  });

  test("a batch is bounded, and so is the number under way", async () => {
    const { lane: one, batches, end, endAll } = lane({ maxBatch: 2, maxInFlight: 2, leastShare: 2 });
    const answers = push(one, 1, 2, 3, 4, 5, 6, 7);
    await turn();
    expect(batches).toEqual([[1], [2, 3]]);
    await end();
    expect(batches).toEqual([[1], [2, 3], [4, 5]]);
    await endAll();
    expect(await Promise.all(answers)).toEqual([2, 4, 6, 8, 10, 12, 14]);
    expect(batches).toEqual([[1], [2, 3], [4, 5], [6, 7]]);
  });

  test("a crowd is split evenly among the flushes that may be under way", async () => {
    const { lane: one, batches, end, endAll } = lane({ maxInFlight: 2, leastShare: 3 });
    const answers = push(one, 0, ...Array(7).keys());
    await turn();
    expect(batches.map((batch) => batch.length)).toEqual([1, 7]); // one place was free
    await end();
    await end();
    answers.push(...push(one, ...Array(6).keys()));
    await turn();
    expect(batches.map((batch) => batch.length)).toEqual([1, 7, 3, 3]);
    await endAll();
    expect(await Promise.all(answers)).toHaveLength(14);
  });

  test("fewer than that stay together, and wait for what is under way", async () => {
    const { lane: one, batches, end, endAll } = lane({ maxInFlight: 2 });
    const answers = push(one, 0, 0, 0);
    await turn();
    await end();
    await end();
    answers.push(...push(one, ...Array(46).keys()));
    await turn();
    expect(batches.map((batch) => batch.length)).toEqual([1, 2, 46]);
    answers.push(...push(one, ...Array(23).keys()));
    await turn();
    expect(batches.map((batch) => batch.length)).toEqual([1, 2, 46]);
    answers.push(one.push(23));
    await turn();
    expect(batches.map((batch) => batch.length)).toEqual([1, 2, 46, 24]);
    await endAll();
    expect(await Promise.all(answers)).toHaveLength(73);
  });

  test("64 in one batch unless told otherwise", async () => {
    const { lane: one, batches, endAll } = lane();
    const answers = push(one, ...Array(130).keys());
    await endAll();
    await Promise.all(answers);
    expect(batches.map((batch) => batch.length)).toEqual([1, 64, 64, 1]);
  });

  test("where a flush is synchronous, the first call waits for its neighbours, too", async () => {
    const { lane: one, batches, endAll } = lane({ alwaysGathers: true, maxBatch: 2 });
    const answers = push(one, 1, 2, 3);
    expect(batches).toEqual([]);
    await turn();
    await endAll();
    await Promise.all(answers);
    expect(batches).toEqual([[1, 2], [3]]);
  });

  test("whoever shared a flush comes back together: the next one waits for all of them", async () => {
    const { lane: one, batches, end } = lane();
    const rounds = async (item: number) => {
      for (let round = 0; round < 3; round++) await one.push(item + round);
    };
    const callers = [10, 20, 30].map(rounds);
    await turn();
    expect(batches).toEqual([[10]]);
    for (let flush = 0; flush < 4; flush++) {
      await end();
    }
    await Promise.all(callers);
    expect(batches).toEqual([[10], [20, 30, 11], [21, 31, 12], [22, 32]]);
  });

  test("a lone call after a shared flush goes straight through again once it has had one alone", async () => {
    const { lane: one, batches, end } = lane();
    const answers = push(one, 1, 2, 3);
    await end();
    await end();
    answers.push(one.push(4));
    expect(batches).toEqual([[1], [2, 3]]);
    await turn();
    await end();
    answers.push(one.push(5));
    expect(batches).toEqual([[1], [2, 3], [4], [5]]);
    await end();
    expect(await Promise.all(answers)).toEqual([2, 4, 6, 8, 10]);
  });

  test("a bad row fails alone: a batch that certainly failed is tried again row by row", async () => {
    const batches: number[][] = [];
    const one = new Lane<number, number>({
      flush: async (items) => {
        batches.push([...items]);
        if (items.includes(3)) throw new Error("bad row");
        return items.map((item) => item * 2);
      },
    });
    const outcomes = await Promise.allSettled(push(one, 1, 2, 3, 4));
    expect(batches).toEqual([[1], [2, 3, 4], [2], [3], [4]]);
    expect(outcomes).toEqual([
      { status: "fulfilled", value: 2 },
      { status: "fulfilled", value: 4 },
      { status: "rejected", reason: new Error("bad row") },
      { status: "fulfilled", value: 8 },
    ]);
    expect(await one.push(5)).toBe(10);
  });

  test("an unknown outcome is unknown for every row, and nothing is tried again", async () => {
    const lost = new OnceguardError("store_unavailable", "connection lost", { applied: "unknown" });
    const batches: number[][] = [];
    let broken = true;
    const one = new Lane<number, number>({
      flush: async (items) => {
        batches.push([...items]);
        await turn();
        if (broken) throw lost;
        return items.map((item) => item * 2);
      },
    });
    const outcomes = await Promise.allSettled(push(one, 1, 2, 3));
    expect(batches).toEqual([[1], [2, 3]]);
    for (const outcome of outcomes) expect(outcome).toEqual({ status: "rejected", reason: lost });
    broken = false;
    expect(await one.push(4)).toBe(8);
  });

  test("a flush that throws instead of rejecting leaves the lane usable", async () => {
    let broken = true;
    const one = new Lane<number, number>({
      flush: (items) => {
        if (broken) throw new Error("at once");
        return Promise.resolve([...items]);
      },
    });
    await expect(one.push(1)).rejects.toThrow("at once");
    broken = false;
    expect(await one.push(2)).toBe(2);
  });

  test("idle waits for what is under way, what is waiting, and what is pushed a promise later", async () => {
    const { lane: one, batches, endAll } = lane({ maxBatch: 1 });
    const seen: string[] = [];
    void Promise.resolve().then(() => one.push(0));
    const answers = push(one, 1, 2);
    const idle = one.idle().then(() => seen.push("idle"));
    await turn();
    expect(seen).toEqual([]);
    await endAll();
    await Promise.all(answers);
    await idle;
    expect(batches).toEqual([[1], [2], [0]]);
    await one.idle();
  });
});
