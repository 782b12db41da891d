import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { newDesk } from "../ai-sdk/desk.ts";
import { finished, killedMidEffect } from "../killed-mid-effect.ts";

// The agent's process is killed while the other side owes its answer. The next one starts over, or goes on from messages
// that were kept up to the model's call.

const PROGRAM = new URL("./run-process.ts", import.meta.url);

let worlds: Record<string, FlakyWorld>;
const stories = [false, true].flatMap((kept) => [
  { version: "1", kept, way: "unguarded", effects: 2 },
  { version: "1", kept, way: "guarded", effects: 1 },
  { version: "0", kept, way: "guarded", effects: 1 },
]);
const nameOf = ({ version, kept, way }: (typeof stories)[number]) => `${version} ${kept} ${way}`;

beforeAll(async () => {
  worlds = Object.fromEntries(await Promise.all(stories.map(async (one) => [nameOf(one), await startFlakyWorld()])));
});
afterAll(async () => {
  await Promise.all(Object.values(worlds).map((world) => world.stop()));
});

describe.concurrent("an agent that is killed mid-effect, and the next one", () => {
  it.for(stories)("sdk $version, $way, messages kept: $kept: $effects of 2", async (story, { onTestFinished }) => {
    const { version, way, kept, effects } = story;
    const world = worlds[nameOf(story)] as FlakyWorld;
    const { folder } = newDesk(onTestFinished);
    const args = (callId: string) => [version, way, `${world.port}`, join(folder, "onceguard.db"), callId, `${kept}`];
    await killedMidEffect(world, "A1", PROGRAM, args("c1"));
    const results = (await finished(PROGRAM, args(kept ? "c1" : "c2"))) as readonly { readonly content: string }[];
    expect(world.effects("A1")).toHaveLength(effects);
    expect(results.map(({ content }) => JSON.parse(content))).toEqual([
      expect.objectContaining({ reference: "A1", number: effects }),
    ]);
  });
});
