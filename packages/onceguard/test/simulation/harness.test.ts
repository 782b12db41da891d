import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { LIES } from "./sabotage.ts";
import { LONGEST_MS } from "./seeds.ts";
import { simulate } from "./simulate.ts";

/** A lie that is not found out among so many histories is not found out. */
const MOST_SEEDS = 1_500;

describe("a simulation finds out", () => {
  it.each(LIES)("$name ($breaks)", { timeout: LONGEST_MS }, async ({ sabotage, foundBy }) => {
    for (let seed = 0; seed < MOST_SEEDS; seed++) {
      const { violation } = await simulate(seed, { sabotage });
      if (violation === null) continue;
      expect(violation).toMatch(foundBy);
      return;
    }
    expect.fail(`nothing was found in ${MOST_SEEDS} histories`);
  });
});

describe("the same seed", () => {
  it("gives the same history, to the last line", { timeout: LONGEST_MS }, async () => {
    const first = await historiesOf(100, {});
    expect(first.lines).toBeGreaterThan(5_000);
    expect(await historiesOf(100, {})).toEqual(first);
  });

  it("gives the same whether the event loop turns at each step or not", { timeout: LONGEST_MS }, async () => {
    expect(await historiesOf(40, { turns: true })).toEqual(await historiesOf(40, { turns: false }));
  });

  it("and another seed another", async () => {
    const traces = [await simulate(1, { traced: true }), await simulate(2, { traced: true })];
    expect(traces[0]?.trace).not.toEqual(traces[1]?.trace);
  });
});

async function historiesOf(seeds: number, options: { turns?: boolean }): Promise<{ hash: string; lines: number }> {
  const hash = createHash("sha256");
  let lines = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const { trace } = await simulate(seed, { ...options, traced: true });
    lines += trace.length;
    hash.update(trace.join("\n"));
  }
  return { hash: hash.digest("hex"), lines };
}

it("the histories come by everything that can happen", { timeout: LONGEST_MS }, async () => {
  const missing = new Set(EVERYTHING);
  for (let seed = 0; missing.size > 0 && seed < 3_000; seed++) {
    for (const what of (await simulate(seed)).counts.keys()) missing.delete(what);
  }
  expect([...missing]).toEqual([]);
});

/** As they are counted. Not among them: a restore, compensation, transactions, and what is `safe`. */
const EVERYTHING = [
  ...["held", "running", "retry_wait", "in_doubt", "review", "succeeded", "failed", "denied", "expired"].map(
    (state) => `state ${state}`,
  ),
  ...["approve", "keep_held", "release", "deny", "dispatch", "success", "definite_failure", "indefinite", "lapse"].map(
    (event) => `event ${event}`,
  ),
  ...["retry", "resend", "probe_happened", "probe_did_not_happen", "probe_cannot_tell", "give_up", "resolve"].map(
    (event) => `event ${event}`,
  ),
  ...["reopen", "late_success", "late_denial", "expire"].map((event) => `event ${event}`),
  ...["executed", "replayed", "in_doubt", "failed", "review", "in_progress", "retry_later", "held", "mismatch"].map(
    (status) => `outcome ${status}`,
  ),
  ...["denied", "expired", "skipped", "halted", "unavailable"].map((status) => `outcome ${status}`),
  ...["claimed", "recorded", "exists", "halted", "busy", "skipped"].map((answer) => `claim ${answer}`),
  ...["stale", "halted", "busy"].map((answer) => `apply ${answer}`),
  ...["ok", "refused", "answer_lost", "applied_late", "overtaken"].map((fate) => `store ${fate}`),
  ...["back", "ahead"].map((step) => `store's clock ${step}`),
  ...["never sent", "lost, reset", "lost, silent", "rejected", "rejected late", "overloaded"].map(
    (fate) => `world ${fate}`,
  ),
  ...["broken, not done", "broken, done", "done, reset", "done, silent", "late", "answered late"].map(
    (fate) => `world ${fate}`,
  ),
  ...["answers", "cannot_tell", "throws", "hangs", "slow"].map((how) => `probe ${how}`),
  ...["crash", "pause", "jump", "close"].map((mishap) => `mishap ${mishap}`),
];
