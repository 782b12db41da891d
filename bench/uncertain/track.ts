import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CALL_TIMEOUT_MS, type CallerOptions, call, type Deliver } from "./caller.ts";
import type { Contender, Effect, Intent, World } from "./contender.ts";
import type { Fault, Point } from "./faults.ts";
import { type Case, type Told, wantedOf } from "./judge.ts";
import { OFFERS } from "./offers.ts";
import type { TrackStores } from "./track-stores.ts";
import type { Stop } from "./worker-handle.ts";
import { startWorker, type Worker } from "./worker-handle.ts";
import type { OutsideWorld } from "./world.ts";

export interface TrackOptions {
  readonly file: string;
  readonly contender: Contender;
  readonly effect: Effect;
  readonly world: OutsideWorld;
  /** The world's port for this track. */
  readonly door: number;
  readonly stores: TrackStores;
  readonly logs: string;
}

/** One contender in one world, from its first start on: it goes through the faults one after the other on one store. */
export class Track {
  readonly #options: TrackOptions;
  readonly #name: string;
  #offers: World["offers"];
  #worker: Worker | null = null;
  #starting: Promise<Worker> | null = null;
  /** Intents about which a client of the world has stopped waiting. */
  readonly #timedOut = new Set<string>();

  constructor(options: TrackOptions) {
    this.#options = options;
    this.#offers = OFFERS[options.effect];
    this.#name = `${options.contender.name.replaceAll(/\W+/g, "-")}-${options.effect}`;
  }

  /** Starts it, and listens for a while to what it says to its store when nobody asks it for anything. */
  async open(): Promise<void> {
    const { contender, stores } = this.#options;
    await contender.prepare?.(stores.direct);
    for (const proxy of stores.proxies) proxy.learning = stores.stores.restate === undefined;
    await this.#current();
    if (stores.proxies.length > 0) await sleep(1_500);
    for (const proxy of stores.proxies) proxy.learning = false;
  }

  /** What is still on its way has some time to happen. */
  async close(): Promise<void> {
    if (this.#worker) await sleep(2_000);
    await this.#worker?.close();
  }

  /** Brings the fault about; once more, with a new intent, where the machine was too busy for the world's two seconds. */
  async run(fault: Fault): Promise<Case> {
    for (const earlier: Case[] = []; ; ) {
      const id = `${this.#name}-${fault.name}${earlier.length === 0 ? "" : `-${earlier.length}`}`;
      const one = await this.#run(fault, id);
      const isDisturbed = this.#timedOut.has(id) && !isAboutTime(fault);
      if (!isDisturbed || earlier.length === MAX_REPEATS) return earlier.length === 0 ? one : { ...one, earlier };
      earlier.push(one);
    }
  }

  async #run(fault: Fault, id: string): Promise<Case> {
    const { contender, effect, world } = this.#options;
    const payload = { order: id, amount: 10, note: "as the customer asked", toolCallId: "call_1" };
    const intent: Intent = { id, effect, delivery: 1, payload };
    const told: Told[] = [];
    let hit = true;
    let error: string | undefined;
    try {
      if (!this.#worker?.isAlive) await this.#current();
      hit = await this.#play(fault, intent, told);
    } catch (thrown) {
      error = thrown instanceof Error ? thrown.message : String(thrown);
    }
    world.release(id, "go");
    return {
      contender: contender.name,
      effect,
      fault: fault.name,
      intent: id,
      wanted: wantedOf(fault),
      hit,
      told,
      ...(error === undefined ? {} : { error }),
    };
  }

  /** Brings the fault about around the calls of a caller. False: it did not come about. */
  async #play({ script }: Fault, intent: Intent, told: Told[]): Promise<boolean> {
    const { world, stores } = this.#options;
    const settle = (options?: CallerOptions, next = intent): Promise<void> => call(next, this.#deliver, told, options);
    switch (script.kind) {
      case "nothing":
        await settle();
        return true;
      case "kill":
        return this.#kill(script.at, script.again ?? false, intent, settle);
      case "world": {
        world.plan(intent.id, script.plan);
        const { lookupLagMs } = script.plan;
        if (lookupLagMs === undefined) await settle();
        else await this.#offering({ ...this.#offers, lookup: { lagMs: lookupLagMs } }, settle);
        return true;
      }
      case "forgotten_key":
        return this.#forgetKey(script.keyLifetimeMs, intent, settle);
      case "twice":
        return this.#twice(script.processes, intent, told);
      case "replanned":
        await settle();
        await settle(undefined, {
          ...intent,
          delivery: 2,
          payload: { ...intent.payload, note: "pays the order, see ticket", toolCallId: "call_2" },
        });
        return true;
      case "zombie":
        return this.#zombie(script.at, intent, settle);
      case "outage": {
        const refuse = (): void => {
          for (const proxy of stores.proxies) proxy.refuse();
        };
        const accept = async (): Promise<void> => {
          for (const proxy of stores.proxies) await proxy.accept();
        };
        if (script.when === "before") refuse();
        else this.#atCommit(intent, refuse);
        await settle({ onFirst: accept }).finally(accept);
        return stores.proxies.length > 0;
      }
      case "restored":
        return this.#restore(settle);
      case "raise":
        await settle({ first: { raises: script } });
        return true;
    }
  }

  /** When the world has done it: does this, and lets the world answer. */
  #atCommit(intent: Intent, act: () => Promise<void> | void): void {
    const { world } = this.#options;
    world.plan(intent.id, { steps: ["hold_committed"] });
    void world.happens("committed", intent.id).then(async () => {
      await act();
      world.release(intent.id, "go");
    });
  }

  async #kill(
    at: Point,
    again: boolean,
    intent: Intent,
    settle: (options?: CallerOptions) => Promise<void>,
  ): Promise<boolean> {
    const { world, stores } = this.#options;
    if (at === "caller_told") {
      await settle();
      await this.#worker?.kill();
      await settle();
      return true;
    }
    const stop = STOPS[at];
    if (!stop && at.includes("first_write") && !stores.before) return settle().then(() => false);
    if (!stop && at.startsWith("outcome") && !stores.after) return settle().then(() => false);
    let hit = false;
    void this.#reach(at, intent).then(async () => {
      hit = true;
      await this.#worker?.kill();
      stores.before?.release();
      world.release(intent.id, "drop");
      if (again) void this.#killSuccessor(intent);
    });
    await settle(stop ? { first: { stop } } : {});
    for (const proxy of stores.proxies) proxy.release();
    return hit;
  }

  async #killSuccessor(intent: Intent): Promise<void> {
    const { world } = this.#options;
    world.holdNext(intent.id);
    await world.happens("read", intent.id);
    await this.#worker?.kill();
    world.release(intent.id, "drop");
  }

  /** Resolves when the worker has come to this point, and everything stands still there. */
  async #reach(at: Point, intent: Intent): Promise<void> {
    const { world, stores } = this.#options;
    const stop = STOPS[at];
    if (stop) return this.#worker?.stopped(stop);
    switch (at) {
      case "first_write_sending":
        return stores.before?.trap("sending");
      case "first_write_applied":
        return stores.before?.trap("applied");
      case "world_accepted":
        world.catchNext(this.#options.door, intent.id);
        return world.happens("accepted", intent.id);
      case "world_read":
        world.plan(intent.id, { steps: ["hold_read"] });
        return world.happens("read", intent.id);
      case "world_committed":
        world.plan(intent.id, { steps: ["hold_committed"] });
        return world.happens("committed", intent.id);
      case "world_answered": {
        const answered = world.happens("answered", intent.id);
        this.#atCommit(intent, () => this.#worker?.signal("SIGSTOP"));
        return answered;
      }
      default: {
        const point = at === "outcome_sending" ? "sending" : "applied";
        return new Promise((reached) => this.#atCommit(intent, () => void stores.after?.trap(point).then(reached)));
      }
    }
  }

  async #offering(offers: World["offers"], act: () => Promise<void>): Promise<void> {
    const usual = this.#offers;
    await this.#worker?.close();
    this.#offers = offers;
    await this.#current();
    await act();
    await this.#worker?.close();
    this.#offers = usual;
  }

  async #forgetKey(keyLifetimeMs: number, intent: Intent, settle: () => Promise<void>): Promise<boolean> {
    const { world } = this.#options;
    let hit = false;
    await this.#offering({ ...this.#offers, key: { lifetimeMs: keyLifetimeMs } }, async () => {
      world.plan(intent.id, { steps: ["hold_committed"], keyLifetimeMs });
      // Where no key was sent, there is none to be forgotten.
      const forgotten = Promise.race([world.happens("key_expired", intent.id), sleep(keyLifetimeMs * 2)]);
      void world.happens("committed", intent.id).then(async () => {
        hit = true;
        this.#held = forgotten;
        await this.#worker?.kill();
        world.release(intent.id, "drop");
      });
      await settle();
    });
    return hit;
  }

  /** Until then no new worker is started. */
  #held: Promise<void> = Promise.resolve();

  async #twice(processes: 1 | 2, intent: Intent, told: Told[]): Promise<boolean> {
    const { world } = this.#options;
    world.plan(intent.id, { steps: ["overlap", "overlap"] });
    const second = processes === 2 ? await this.#start() : null;
    const other: Told[] = [];
    await Promise.all([
      call(intent, this.#deliver, told),
      call({ ...intent, delivery: 100 }, second ? this.#deliverTo(second) : this.#deliver, other),
    ]);
    told.push(...other);
    if (second) {
      // The place that the second has taken is not the first one's any more, where workers are found by an address.
      await second.close();
      await this.#worker?.close();
    }
    return true;
  }

  async #zombie(
    at: "effect_sending" | "world_committed",
    intent: Intent,
    settle: (options?: CallerOptions) => Promise<void>,
  ): Promise<boolean> {
    const frozen = this.#worker;
    if (!frozen) return false;
    let hit = false;
    const freeze = (): void => {
      hit = true;
      frozen.signal("SIGSTOP");
      this.#worker = null; // the supervisor sees a worker that answers nobody, and starts another
      frozen.abandon();
    };
    const stop = STOPS[at];
    if (stop) void frozen.stopped(stop).then(freeze);
    else this.#atCommit(intent, freeze);
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

  async #restore(settle: () => Promise<void>): Promise<boolean> {
    const { contender, stores } = this.#options;
    if (stores.proxies.length === 0) return settle().then(() => false);
    await this.#worker?.close();
    const backupAt = Date.now();
    await stores.backup();
    await settle();
    await this.#worker?.kill();
    await stores.restore();
    await contender.restored?.(stores.direct, backupAt);
    await settle();
    return true;
  }

  readonly #deliver: Deliver = async (intent, delivery) => {
    const worker = await this.#current();
    return worker.deliver(intent, delivery, CALL_TIMEOUT_MS);
  };

  #deliverTo(worker: Worker): Deliver {
    return async (intent, delivery) =>
      worker.isAlive ? worker.deliver(intent, delivery, CALL_TIMEOUT_MS) : this.#deliver(intent, delivery);
  }

  /** As a supervisor would: where there is no worker, one is started. */
  async #current(): Promise<Worker> {
    if (this.#worker?.isAlive) return this.#worker;
    await this.#held;
    this.#starting ??= this.#start().finally(() => {
      this.#starting = null;
    });
    this.#worker = await this.#starting;
    return this.#worker;
  }

  #start(): Promise<Worker> {
    const { file, contender, door, stores, logs } = this.#options;
    const world = `http://127.0.0.1:${door}`;
    const order = { file, name: contender.name, world, offers: this.#offers, stores: stores.stores };
    return startWorker(order, join(logs, `${this.#name}.log`), (intent) => this.#timedOut.add(intent));
  }
}

const MAX_REPEATS = 3;

/** A client that stops waiting is what these are about: the world is silent, or the client was frozen. */
function isAboutTime({ script }: Fault): boolean {
  return script.kind === "zombie" || (script.kind === "world" && script.plan.steps?.includes("silent_after") === true);
}

/** Points that the worker's own frame knows. */
const STOPS: Readonly<Partial<Record<Point, Stop>>> = {
  delivery_received: "received",
  effect_sending: "effect_sending",
  caller_telling: "telling",
};
