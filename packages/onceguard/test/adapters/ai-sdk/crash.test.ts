import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { finished, killedMidEffect } from "../killed-mid-effect.ts";
import { newDesk } from "./desk.ts";

// The server is killed while the other side owes its answer. The SDK has kept nothing; the client posts what it has again,
// and where that ends before the call, the model makes the call anew.

const PROGRAM = new URL("./run-process.ts", import.meta.url);

let worlds: Record<string, FlakyWorld>;
const stories = [false, true].flatMap((approved) => [
  { version: "7", approved, way: "unguarded", effects: 2 },
  { version: "7", approved, way: "guarded", effects: 1 },
  { version: "6", approved, way: "guarded", effects: 1 },
]);
const nameOf = ({ version, approved, way }: (typeof stories)[number]) => `${version} ${approved} ${way}`;

beforeAll(async () => {
  worlds = Object.fromEntries(await Promise.all(stories.map(async (one) => [nameOf(one), await startFlakyWorld()])));
});
afterAll(async () => {
  await Promise.all(Object.values(worlds).map((world) => world.stop()));
});

describe.concurrent("a server that is killed mid-effect, and the client's next request", () => {
  it.for(stories)(
    "ai $version, $way, approved in the chat: $approved: $effects of 2",
    async (story, { onTestFinished }) => {
      const { version, way, approved, effects } = story;
      const world = worlds[nameOf(story)] as FlakyWorld;
      const { folder } = newDesk(onTestFinished);
      const args = (callId: string) => [
        version,
        way,
        `${world.port}`,
        join(folder, "onceguard.db"),
        callId,
        `${approved}`,
      ];
      await killedMidEffect(world, "A1", PROGRAM, args("c1"));
      const told = await finished(PROGRAM, args(approved ? "c1" : "c2"));
      expect(world.effects("A1")).toHaveLength(effects);
      expect(told).toEqual([{ type: "json", value: expect.objectContaining({ reference: "A1", number: effects }) }]);
    },
  );
});
