import { setTimeout as sleep } from "node:timers/promises";
import { call } from "./caller.ts";
import { crash } from "./crash.ts";
import type { Script } from "./faults.ts";
import type { Told } from "./judge.ts";
import { atCommit, STOPS, type Stage } from "./stage.ts";

/** Brings a fault about around the calls of a caller. False: it did not come about. */
export async function play(stage: Stage, script: Script): Promise<boolean> {
  const { world, workers, intent, settle } = stage;
  switch (script.kind) {
    case "nothing":
      await settle();
      return true;
    case "kill":
      return crash(stage, script.at, script.again ?? false);
    case "world": {
      world.plan(intent.id, script.plan);
      const { lookupLagMs } = script.plan;
      if (lookupLagMs === undefined) await settle();
      else await workers.offering({ ...workers.offers, lookup: { lagMs: lookupLagMs } }, settle);
      return true;
    }
    case "forgotten_key":
      return forgetKey(stage, script.keyLifetimeMs);
    case "twice":
      return twice(stage, script.processes);
    case "replanned": {
      const payload = { ...intent.payload, note: "pays the order, see ticket", toolCallId: "call_2" };
      await settle();
      await settle({}, { ...intent, delivery: 2, payload });
      return true;
    }
    case "zombie":
      return zombie(stage, script.at);
    case "outage":
      return outage(stage, script.when);
    case "restored":
      return restored(stage);
    case "raise":
      await settle({ first: { raises: script } });
      return true;
  }
}

async function forgetKey({ world, workers, intent, settle }: Stage, keyLifetimeMs: number): Promise<boolean> {
  let hit = false;
  await workers.offering({ ...workers.offers, key: { lifetimeMs: keyLifetimeMs } }, async () => {
    world.plan(intent.id, { steps: ["hold_committed"], keyLifetimeMs });
    // Where no key was sent, there is none to be forgotten.
    const forgotten = Promise.race([world.happens("key_expired", intent.id), sleep(keyLifetimeMs * 2)]);
    void world.happens("committed", intent.id).then(async () => {
      hit = true;
      workers.startsAfter = forgotten;
      await workers.worker?.kill();
      world.release(intent.id, "drop");
    });
    await settle();
  });
  return hit;
}

async function twice({ world, workers, intent, told, settle }: Stage, processes: 1 | 2): Promise<boolean> {
  world.plan(intent.id, { steps: ["overlap", "overlap"] });
  const second = processes === 2 ? await workers.start() : null;
  const other: Told[] = [];
  const deliver = second ? workers.deliverTo(second) : workers.deliver;
  await Promise.all([settle(), call({ ...intent, delivery: 100 }, deliver, other)]);
  told.push(...other);
  if (second) {
    // The place that the second has taken is not the first one's any more, where workers are found by an address.
    await second.close();
    await workers.worker?.close();
  }
  return true;
}

async function zombie(stage: Stage, at: "effect_sending" | "world_committed"): Promise<boolean> {
  const { workers, settle } = stage;
  const frozen = await workers.current();
  let hit = false;
  const freeze = (): void => {
    hit = true;
    frozen.signal("SIGSTOP");
    workers.writeOff(frozen);
  };
  const stop = STOPS[at];
  if (stop) void frozen.stopped(stop).then(freeze);
  else atCommit(stage, freeze);
  await settle(stop ? { first: { stop } } : {});
  if (!hit) return false;
  frozen.signal("SIGCONT");
  // It comes round to its timers and messages, and then goes on where it was.
  await frozen.ping();
  frozen.go();
  await frozen.ping();
  await sleep(500);
  await frozen.kill();
  return true;
}

async function outage(stage: Stage, when: "before" | "after"): Promise<boolean> {
  const { proxies } = stage.stores;
  const refuse = (): void => {
    for (const proxy of proxies) proxy.refuse();
  };
  const accept = async (): Promise<void> => {
    for (const proxy of proxies) await proxy.accept();
  };
  if (when === "before") refuse();
  else atCommit(stage, refuse);
  await stage.settle({ onFirst: accept }).finally(accept);
  return proxies.length > 0;
}

async function restored({ contender, workers, stores, settle }: Stage): Promise<boolean> {
  if (stores.proxies.length === 0) return settle().then(() => false);
  await workers.worker?.close();
  const backupAt = Date.now();
  await stores.backup();
  await settle();
  await workers.worker?.kill();
  await stores.restore();
  await contender.restored?.(stores.direct, backupAt);
  await settle();
  return true;
}
