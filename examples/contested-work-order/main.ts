import { join } from "node:path";
import { createGuard, defineAction } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { find, post } from "../support/http.ts";
import { holds, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";

interface Decision {
  readonly workOrder: string;
  readonly state: string;
  /** The version of the work order that the decision was made on. */
  readonly version: number;
}

/** What three agent threads made of work order W-7, each for itself, all on version 0. */
const DECISIONS: readonly Decision[] = ["completed", "cancelled", "on hold"].map((state) => ({
  workOrder: "W-7",
  state,
  version: 0,
}));

/** The maintenance system takes whatever is written. All that it can do is to refuse old fencing tokens. */
const SYSTEM = { fencing: true };

await story("Three agent threads, one work order", async () => {
  const without = await side("Without the guard", SYSTEM, async (system) => {
    // All three have looked before any of them writes: that is all it takes.
    const seen = await Promise.all(DECISIONS.map(() => read(system)));
    await Promise.all(
      DECISIONS.map(async (decision, thread) => {
        if (seen[thread]?.version !== decision.version) return;
        await post(`${system.url}/states`, decision);
      }),
    );
    say(`${states(system).length} writes, each by a thread that had looked before`);
    return states(system);
  });

  const guarded = await side("With the guard", SYSTEM, async (system) => {
    const { guard } = worker(system);
    const outcomes = await Promise.all(DECISIONS.map((decision) => guard.execute("set_state", decision)));
    for (const outcome of outcomes) {
      const why = outcome.status === "review" ? `, for the ${outcome.route}: ${outcome.failure?.message}` : "";
      say(`${outcome.status}${why}`);
    }
    await guard.close();
    return { statuses: outcomes.map(({ status }) => status).sort(), states: states(system) };
  });

  const stalled = await side(
    "With the guard, and a thread that stands still before it writes",
    SYSTEM,
    async (system) => {
      let ahead = 0;
      const stall = Promise.withResolvers<void>();
      const one = worker(system, () => Date.now() + ahead, stall.promise);
      const other = worker(system, () => Date.now() + ahead);
      const decision = DECISIONS[0] as Decision;

      const late = one.guard.execute("set_state", decision);
      await one.hasBegun;
      ahead = 60_000; // its lease is over
      const outcome = await other.guard.execute("set_state", decision);
      say(`the other worker: ${outcome.status}, with fencing token ${outcome.receipt?.fencingToken}`);
      stall.resolve();
      say(`the one that stood still: ${(await late).status}; its write came with an old token`);
      await one.guard.close();
      await other.guard.close();
      const refused = system.requests("states").filter(({ status }) => status === 409).length;
      return { refused, states: states(system) };
    },
  );

  console.log();
  holds("states written without the guard", [...without].sort(), ["cancelled", "completed", "on hold"]);
  holds("states written with the guard", guarded.states.length, 1);
  holds("what the three threads were told", guarded.statuses, ["executed", "review", "review"]);
  holds("states written past a thread that stood still", stalled.states, ["completed"]);
  holds("late writes that were refused", stalled.refused, 1);
});

/** A worker; one with a `stall` has its claim, and then stands still before it writes. */
function worker(system: World, clock = Date.now, stall?: Promise<void>) {
  const begun = Promise.withResolvers<void>();
  const setState = defineAction({
    name: "set_state",
    riskTier: "side_effecting",
    record: ({ workOrder }: Decision) => `work-order:${workOrder}`,
    keyFields: ["workOrder", "state", "version"],
    serialize: true, // one at a time on a work order, across all threads, processes and machines
    before: () => read(system),
    expect: ({ version }, before) => {
      const { version: found } = before as { version: number };
      return found === version || `decided on version ${version}, and it is version ${found}`;
    },
    probe: async ({ workOrder, state, version }) => {
      const written = await find(`${system.url}/states`, { workOrder, state, version: String(version) });
      return written.length > 0 ? { answer: "happened" } : { answer: "did_not_happen" };
    },
    retry: { base: "20ms" },
    execute: async (decision, { requestId, fencingToken, signal }) => {
      begun.resolve();
      await stall;
      const headers = { "Request-Id": requestId, "Fencing-Token": String(fencingToken) };
      return post<Decision>(`${system.url}/states`, decision, { headers, signal });
    },
  });
  const store = sqliteStore({ path: join(system.folder, "onceguard.db"), clock });
  return { guard: createGuard({ store, actions: [setState], sweepEvery: false }), hasBegun: begun.promise };
}

/** The work order as it stands: every write makes a version. */
async function read(system: World) {
  const written = await find<Decision>(`${system.url}/states`, { workOrder: "W-7" });
  return { version: written.length, state: written.at(-1)?.state ?? "open" };
}

function states(system: World): readonly string[] {
  return system.effects<Decision>("states").map(({ state }) => state);
}
