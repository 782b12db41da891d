import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { newDesk } from "../ai-sdk/desk.ts";
import { finished, killedMidEffect } from "../killed-mid-effect.ts";
import type { Result } from "./claude.ts";

// The agent's process is killed while the other side owes its answer. The session that is resumed makes the same call
// (its tool use was kept), or the model plans it anew.

const PROGRAM = new URL("./run-process.ts", import.meta.url);
const stories = [
  { again: "t1", what: "the same tool use" },
  { again: "t2", what: "a new one" },
].flatMap((one) => [
  { ...one, way: "unguarded", effects: 2 },
  { ...one, way: "guarded", effects: 1 },
]);

let worlds: readonly FlakyWorld[];
beforeAll(async () => {
  worlds = await Promise.all(stories.map(() => startFlakyWorld()));
});
afterAll(async () => {
  await Promise.all(worlds.map((world) => world.stop()));
});

describe.concurrent("an agent that is killed mid-effect, and the next one", () => {
  it.for(stories.map((story, n) => ({ ...story, n })))(
    "$way, $what: $effects of 2",
    async (story, { onTestFinished }) => {
      const { way, again, effects, n } = story;
      const world = worlds[n] as FlakyWorld;
      const { folder } = newDesk(onTestFinished);
      const args = (id: string) => [way, `${world.port}`, join(folder, "onceguard.db"), id];
      await killedMidEffect(world, "A1", PROGRAM, args("t1"));
      const told = (await finished(PROGRAM, args(again))) as Result;
      expect(world.effects("A1")).toHaveLength(effects);
      expect(JSON.parse(told.content[0]?.text as string)).toMatchObject({ reference: "A1", number: effects });
    },
  );
});
