import type { CallerOptions } from "./caller.ts";
import type { Contender, Intent } from "./contender.ts";
import type { Point } from "./faults.ts";
import type { Told } from "./judge.ts";
import type { Supervisor } from "./supervisor.ts";
import type { TrackStores } from "./track-stores.ts";
import type { Stop } from "./worker-handle.ts";
import type { OutsideWorld } from "./world.ts";

/** Where a fault is brought about: a contender's workers, their store, and the world, around one intent of a caller. */
export interface Stage {
  readonly contender: Contender;
  readonly workers: Supervisor;
  readonly stores: TrackStores;
  readonly world: OutsideWorld;
  /** The world's port for this contender. */
  readonly door: number;
  readonly intent: Intent;
  /** What callers have been told of it. */
  readonly told: Told[];
  /** A caller that delivers it until something final is said. */
  settle(options?: CallerOptions, intent?: Intent): Promise<void>;
}

/** Points that the frame in the worker knows by itself. */
export const STOPS: Readonly<Partial<Record<Point, Stop>>> = {
  delivery_received: "received",
  effect_sending: "effect_sending",
  caller_telling: "telling",
};

/** When the world has done it: does this, and lets the world answer. */
export function atCommit({ world, intent }: Stage, act: () => Promise<void> | void): void {
  world.plan(intent.id, { steps: ["hold_committed"] });
  void world.happens("committed", intent.id).then(async () => {
    await act();
    world.release(intent.id, "go");
  });
}
