import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedPostgresUrl } from "../../packages/onceguard/test/support/postgres.ts";
import type { Effect } from "./contender.ts";
import { FAULTS } from "./faults.ts";
import { judge } from "./judge.ts";
import { loadContenders } from "./load-contenders.ts";
import { runTracks } from "./run-tracks.ts";
import { type OutsideWorld, startWorld } from "./world.ts";

let logs: string;
let world: OutsideWorld;
beforeAll(async () => {
  logs = mkdtempSync(join(tmpdir(), "onceguard-uncertain-"));
  world = await startWorld(join(logs, "ledger.ndjson"));
});
afterAll(async () => {
  await world.stop();
  rmSync(logs, { recursive: true });
});

/** Each fault with what became of it: how often it happened, and the last that was said. */
async function run(name: string, effect: Effect, ...faults: readonly string[]) {
  const entries = (await loadContenders(() => undefined)).filter(({ contender }) => contender.name === name);
  const cases = await runTracks({
    entries,
    effects: [effect],
    faults: FAULTS.filter((fault) => faults.includes(fault.name)),
    world,
    postgres: sharedPostgresUrl(),
    logs,
    atOnce: 1,
    onCase: () => undefined,
  });
  const verdicts = cases.map((one) => judge(one, world.ledger()));
  return verdicts.map(({ fault, hit, effects, told }) => [fault, hit, effects, told.at(-1)?.said]);
}

test("the bench sees what a bare retry does, and what it does not", async () => {
  expect(await run("naive", "email", "crash-02", "crash-05", "crash-07", "400-refused")).toEqual([
    ["crash-02", false, 1, "done"],
    ["crash-05", true, 1, "done"],
    ["crash-07", true, 2, "done"],
    ["400-refused", true, 0, "failed"],
  ]);
});

test("points around the store of a guarded call are reached, and nothing happens twice", async () => {
  const points = ["crash-03", "crash-09", "crash-10"];
  expect(await run("Onceguard", "order", ...points)).toEqual(points.map((fault) => [fault, true, 1, "done"]));
});
