import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "./caller.ts";
import type { Contender, Effect, Intent } from "./contender.ts";
import type { Fault } from "./faults.ts";
import { type Case, type Told, wantedOf } from "./judge.ts";
import { OFFERS } from "./offers.ts";
import { play } from "./play.ts";
import { Supervisor } from "./supervisor.ts";
import type { TrackStores } from "./track-stores.ts";
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

const MAX_REPEATS = 3;

/** One contender in one world, from its first start on: it goes through the faults one after the other on one store. */
export class Track {
  readonly #options: TrackOptions;
  readonly #name: string;
  readonly #workers: Supervisor;

  constructor(options: TrackOptions) {
    const { file, contender, effect, door, stores, logs } = options;
    this.#options = options;
    this.#name = `${contender.name.replaceAll(/\W+/g, "-")}-${effect}`;
    const world = `http://127.0.0.1:${door}`;
    const order = { file, name: contender.name, world, offers: OFFERS[effect], stores: stores.stores };
    this.#workers = new Supervisor(order, join(logs, `${this.#name}.log`));
  }

  /** Starts it, and listens for a while to what it says to its store when nobody asks it for anything. */
  async open(): Promise<void> {
    const { contender, stores } = this.#options;
    await contender.prepare?.(stores.direct);
    for (const proxy of stores.proxies) proxy.learning = stores.stores.restate === undefined;
    await this.#workers.current();
    if (stores.proxies.length > 0) await sleep(1_500);
    for (const proxy of stores.proxies) proxy.learning = false;
  }

  /** What is still on its way has some time to happen. */
  async close(): Promise<void> {
    await sleep(2_000);
    await this.#workers.worker?.close();
  }

  /** Brings the fault about; once more, with a new intent, where the machine was too busy for the world's two seconds. */
  async run(fault: Fault): Promise<Case> {
    for (const earlier: Case[] = []; ; ) {
      const id = `${this.#name}-${fault.name}${earlier.length === 0 ? "" : `-${earlier.length}`}`;
      const one = await this.#run(fault, id);
      const isDisturbed = this.#workers.timedOut.has(id) && !isAboutTime(fault);
      if (!isDisturbed || earlier.length === MAX_REPEATS) return earlier.length === 0 ? one : { ...one, earlier };
      earlier.push(one);
    }
  }

  async #run(fault: Fault, id: string): Promise<Case> {
    const { contender, effect, world, stores, door } = this.#options;
    const workers = this.#workers;
    const payload = { order: id, amount: 10, note: "as the customer asked", toolCallId: "call_1" };
    const intent: Intent = { id, effect, delivery: 1, payload };
    const told: Told[] = [];
    const settle = (options = {}, delivered = intent): Promise<void> => call(delivered, workers.deliver, told, options);
    const about = { contender: contender.name, effect, fault: fault.name, intent: id, wanted: wantedOf(fault), told };
    try {
      await workers.current();
      const stage = { contender, workers, stores, world, door, intent, told, settle };
      return { ...about, hit: await play(stage, fault.script) };
    } catch (error) {
      return { ...about, hit: false, error: error instanceof Error ? error.message : String(error) };
    } finally {
      world.release(id, "go");
    }
  }
}

/** A client that stops waiting is what these are about: the world is silent, or the client was frozen. */
function isAboutTime({ script }: Fault): boolean {
  return script.kind === "zombie" || (script.kind === "world" && script.plan.steps?.includes("silent_after") === true);
}
