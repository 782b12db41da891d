import { setTimeout as sleep } from "node:timers/promises";
import type { FlakyWorld } from "./flaky-world.ts";
import type { Caller } from "./once-callers.ts";
import type { OnceCall } from "./once-tool.ts";

/** What becomes of the calls of one intent. In each of them the tool is called again, as agents, queues and people do. */
export const SCENARIOS = ["repeat", "lost_response", "timeout", "crash", "storm"] as const;

/** A way in which a tool is called more than once for one intent. */
export type Scenario = (typeof SCENARIOS)[number];

export interface Stage {
  readonly world: FlakyWorld;
  readonly call: OnceCall;
  /** A caller in a process of its own, where the tool can be had in one. */
  newCaller(): Caller;
  /** How many processes a storm comes from, and how many calls it has. */
  readonly storm: { readonly callers: number; readonly calls: number };
}

/** What the callers were told. */
type Play = (stage: Stage) => Promise<readonly string[]>;

export const PLAYS: Readonly<Record<Scenario, { readonly title: string; readonly play: Play }>> = {
  repeat: {
    title: "called three times, and nothing goes wrong",
    play: async (stage) => oneAfterTheOther(stage, 3),
  },
  lost_response: {
    title: "the effect happens and its answer is lost; called twice more",
    play: async (stage) => {
      await stage.world.plan(stage.call.reference, "lose_reply");
      return oneAfterTheOther(stage, 3);
    },
  },
  timeout: {
    title: "the effect happens and its answer is late; called again meanwhile, and once more",
    play: async ({ world, call, newCaller }) => {
      const { reference } = call;
      await world.plan(reference, "hold_reply");
      const caller = newCaller();
      const first = caller.call(call);
      await Promise.race([world.holding(reference), first]);
      const second = caller.call(call);
      // Time in which a second effect can happen, and then the same after the late answer.
      await Promise.race([second, sleep(300)]);
      await world.release(reference);
      return [...(await first), ...(await second), ...(await caller.call(call))];
    },
  },
  crash: {
    title: "the process is killed when the effect has happened; called twice more in another",
    play: async (stage) => {
      const { world, call, newCaller } = stage;
      const { reference } = call;
      await world.plan(reference, "hold_reply");
      const caller = newCaller();
      const first = caller.call(call);
      await Promise.race([world.holding(reference), first]);
      await caller.kill();
      await world.release(reference);
      return [...(await first), ...(await oneAfterTheOther(stage, 2))];
    },
  },
  storm: {
    title: "called many times at once",
    play: async ({ call, newCaller, storm: { callers, calls } }) => {
      const each = Array.from({ length: callers }, (_, n) => Math.floor((calls + n) / callers));
      return (await Promise.all(each.map((times) => newCaller().call(call, times)))).flat();
    },
  },
};

async function oneAfterTheOther({ newCaller, call }: Stage, times: number): Promise<readonly string[]> {
  const caller = newCaller();
  const told: string[] = [];
  for (let n = 0; n < times; n++) told.push(...(await caller.call(call)));
  return told;
}
