import type { Point } from "./faults.ts";
import { atCommit, STOPS, type Stage } from "./stage.ts";

/** Kills the worker at a point. False: it never came there. `again`: see faults.ts. */
export async function crash(stage: Stage, at: Point, again: boolean): Promise<boolean> {
  const { world, workers, stores, intent, settle } = stage;
  if (at === "caller_told") {
    await settle();
    await workers.worker?.kill();
    await settle();
    return true;
  }
  if (!stores.before && isAtStore(at)) return settle().then(() => false);
  const stop = STOPS[at];
  let hit = false;
  void reach(stage, at).then(async () => {
    hit = true;
    await workers.worker?.kill();
    for (const proxy of stores.proxies) proxy.release();
    world.release(intent.id, "drop");
    if (again) void killSuccessor(stage);
  });
  await settle(stop ? { first: { stop } } : {});
  for (const proxy of stores.proxies) proxy.release();
  return hit;
}

function isAtStore(at: Point): boolean {
  return at.startsWith("first_write") || at.startsWith("outcome");
}

async function killSuccessor({ world, workers, intent }: Stage): Promise<void> {
  world.holdNext(intent.id);
  await world.happens("read", intent.id);
  await workers.worker?.kill();
  world.release(intent.id, "drop");
}

/** Resolves when the worker has come to this point, and everything stands still there. */
async function reach(stage: Stage, at: Point): Promise<void> {
  const { world, workers, stores, door, intent } = stage;
  switch (at) {
    case "delivery_received":
    case "effect_sending":
    case "caller_telling":
      return workers.worker?.stopped(STOPS[at] ?? "received");
    case "first_write_sending":
      return stores.before?.trap("sending");
    case "first_write_applied":
      return stores.before?.trap("applied");
    case "world_accepted":
      world.catchNext(door, intent.id);
      return world.happens("accepted", intent.id);
    case "world_read":
      world.plan(intent.id, { steps: ["hold_read"] });
      return world.happens("read", intent.id);
    case "world_committed":
      world.plan(intent.id, { steps: ["hold_committed"] });
      return world.happens("committed", intent.id);
    case "world_answered": {
      const answered = world.happens("answered", intent.id);
      // It cannot read what it is sent.
      atCommit(stage, () => workers.worker?.signal("SIGSTOP"));
      return answered;
    }
    case "outcome_sending":
    case "outcome_applied": {
      const point = at === "outcome_sending" ? "sending" : "applied";
      return new Promise((reached) => atCommit(stage, () => void stores.after?.trap(point).then(reached)));
    }
    case "caller_told":
      return undefined;
  }
}
