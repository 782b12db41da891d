/** What a contender of the benchmark of uncertain completion is: a few lines of adapter code around one library, used as its own documentation advises. */

/** The four kinds of effect of the outside world. They differ in what the world offers a caller, see `world.ts`. */
export type Effect = "payment" | "email" | "order" | "ticket";

/** One piece of work, as the caller delivers it. */
export interface Intent {
  /** Business id, stable over deliveries. */
  readonly id: string;
  readonly effect: Effect;
  /** 1 for the first delivery of this intent, then counted up. */
  readonly delivery: number;
  readonly payload: Readonly<Record<string, string | number>>;
}

/** What the contender tells its caller. `unknown`: it says honestly that it does not know. `later`: not yet, deliver again. */
export type Said =
  | { readonly said: "done"; readonly result: unknown }
  | { readonly said: "failed"; readonly why: string }
  | { readonly said: "unknown"; readonly why: string }
  | { readonly said: "later" };

/** The outside world as the contender's own code sees it: one HTTP call each. Throws what fetch throws, an `HttpError` with a status, or a timeout. */
export interface World {
  act(
    intent: Intent,
    options?: { readonly key?: string; readonly signal?: AbortSignal },
  ): Promise<{ readonly id: string }>;
  lookup(intent: Intent): Promise<{ readonly id: string } | null>;
  readonly offers: {
    readonly key: false | { readonly lifetimeMs: number };
    readonly lookup: false | { readonly lagMs: number };
  };
}

/** Where the contender may keep what it must remember. Empty strings for what it did not name in `needs`. */
export interface Stores {
  /** Connection string of an empty database of the contender's own. */
  readonly postgres: string;
  /** `redis://...` of an empty server of the contender's own. */
  readonly redis: string;
  /** A directory that outlives the worker process. */
  readonly directory: string;
  /** For engines with a server of their own. */
  readonly restate?: { readonly ingress: string; readonly admin: string };
}

/** A started contender. */
export interface Running {
  /** One delivery of an intent. Rejects when the call broke (the caller will deliver again, as agents do). */
  perform(intent: Intent): Promise<Said>;
  close(): Promise<void>;
}

/** Each file in `contenders/` default-exports one of these (or an array). */
export interface Contender {
  readonly name: string;
  readonly version: string;
  /** The docs page whose advice the adapter follows. */
  readonly advice: string;
  readonly needs: readonly ("postgres" | "redis" | "restate")[];
  /** In the worker process. An engine with a queue starts its own workers here, which go on with what an earlier process left behind. */
  start(world: World, stores: Stores): Promise<Running>;
  /** Once per cell, before any worker: schema, empty tables. */
  prepare?(stores: Stores): Promise<void>;
  /** What its documentation has an operator do after the store was put back to a backup. `backupAt`: ms since 1970. */
  restored?(stores: Stores, backupAt: number): Promise<void>;
}
