import type { Mishap, Moment } from "./life.ts";
import { Random } from "./random.ts";

/** An action, and how its other side behaves. What it declares is true, unless a test of the harness makes it a lie. */
export interface ActionPlan {
  readonly name: string;
  readonly tier: "side_effecting" | "irreversible";
  /** `final`: its "no" is the last word. `lagging`: it sees an effect only after a while. */
  readonly probe: "final" | "lagging" | null;
  readonly lagMs: number;
  readonly settleMs: number;
  readonly key: { readonly lifetimeMs: number; readonly marginMs: number; readonly repeatsErrors: boolean } | null;
  readonly precise: boolean;
  readonly serialize: boolean;
  readonly dedup: "skip" | "hold" | null;
  readonly needsApproval: boolean;
  readonly bound: boolean;
  readonly looksBefore: boolean;
  /** Identified by its business key, and else by the id that the caller gives. */
  readonly byKey: boolean;
  readonly timeoutMs: number;
  readonly retry: {
    readonly maxAttempts: number;
    readonly maxElapsed: number;
    readonly base: number;
    readonly cap: number;
  };
}

/** What somebody wants to happen once. */
export interface Intent {
  readonly name: string;
  readonly action: ActionPlan;
  readonly record: string;
  readonly run: string | null;
  readonly caseId: string | null;
  /** When it is asked for, and asked for again. */
  readonly askedAt: readonly number[];
}

/** How often things go wrong, as probabilities. */
export interface Troubles {
  /** A call of the store fails, in one way or another. */
  readonly store: number;
  /** A call of the store takes up to `slowestMs`. */
  readonly slow: number;
  readonly slowestMs: number;
  /** The store cannot be reached at all in this time. */
  readonly outage: { readonly from: number; readonly until: number } | null;
  /** The outside world does not simply do what it is asked. */
  readonly world: number;
  /** Longest way of a request to the outside world; settle delays and margins of keys are longer (A1, A3). */
  readonly longestWayMs: number;
}

export const NO_TROUBLES: Troubles = {
  store: 0,
  slow: 0,
  slowestMs: 0,
  outage: null,
  world: 0,
  longestWayMs: 30,
};

/** The store's clock is off by at most this, one way or the other, and may step; delays and margins cover it. */
export const WOBBLE_MS = 40;

/** Everything about a simulation that is settled before it starts. */
export interface Scenario {
  readonly processes: number;
  readonly intents: readonly Intent[];
  readonly actions: readonly ActionPlan[];
  readonly troubles: Troubles;
  /** Until when things go wrong and people are careless; then everything has to come to rest. */
  readonly activeMs: number;
  readonly guard: {
    readonly lease: number;
    readonly wait: number;
    readonly grace: number;
    readonly storeTimeout: number;
    readonly sweepEvery: number | false;
    readonly haltLook: number;
    readonly holdFor: number;
    readonly approvalFor: number;
    readonly maxActionsPerRun: number | null;
  };
  readonly mishapsPerLife: number;
  readonly haltedAt: readonly number[];
  readonly peopleEveryMs: number;
  readonly forgetsAt: number | null;
  readonly deniesFrom: number | null;
}

export function drawScenario(seed: number): Scenario {
  const random = new Random(seed, 0);
  const longestWayMs = random.pick([200, 1_000, 3_000]);
  const activeMs = random.pick([2_000, 6_000, 15_000]);
  const actions = Array.from({ length: random.int(1, 2) }, (_, n) => drawAction(random, `act${n + 1}`, longestWayMs));
  const intents = Array.from({ length: random.int(1, 4) }, (_, n) => drawIntent(random, n, actions, activeMs));
  const troubles: Troubles = {
    store: random.pick([0, 0.02, 0.08, 0.2]),
    slow: random.pick([0, 0.05, 0.3]),
    slowestMs: random.pick([50, 400, 1_500]),
    outage: random.chance(0.15) ? drawOutage(random, activeMs) : null,
    world: random.pick([0, 0.2, 0.5, 0.8]),
    longestWayMs,
  };
  return {
    processes: random.pick([1, 2, 2, 3]),
    actions,
    intents,
    troubles,
    activeMs,
    guard: {
      lease: random.pick([1_500, 3_000, 10_000]),
      wait: random.pick([0, 500, 5_000, 20_000]),
      grace: random.pick([200, 1_000, 5_000]),
      storeTimeout: random.pick([200, 1_000, 2_000]),
      sweepEvery: random.pick([false, 1_000, 3_000]),
      haltLook: random.pick([20, 100]),
      holdFor: random.pick([5_000, 60_000]),
      approvalFor: random.pick([1_000, 60_000]),
      maxActionsPerRun: random.chance(0.05) ? random.int(1, 3) : null,
    },
    mishapsPerLife: random.pick([0, 0.5, 1, 2]),
    haltedAt: random.chance(0.35) ? [random.int(0, activeMs), random.int(0, activeMs)] : [],
    peopleEveryMs: random.pick([500, 2_000, 10_000]),
    forgetsAt: random.chance(0.1) ? random.int(0, activeMs) : null,
    deniesFrom: random.chance(0.05) ? random.int(0, activeMs) : null,
  };
}

function drawAction(random: Random, name: string, longestWayMs: number): ActionPlan {
  const capability = random.weighted({ none: 3, final: 3, lagging: 3, key: 4, both: 3 });
  const probe =
    capability === "both"
      ? random.pick(["final", "lagging"] as const)
      : capability === "final" || capability === "lagging"
        ? capability
        : null;
  const lagMs = probe === "lagging" ? random.pick([0, 500, 2_000]) : 0;
  // One half of it is for the way to the send, the other for the way from there.
  const marginMs = 2 * (longestWayMs + 2 * WOBBLE_MS + 1);
  const shared = random.chance(0.3);
  return {
    name,
    tier: random.pick(["side_effecting", "irreversible"]),
    probe,
    lagMs,
    settleMs: probe === "lagging" ? longestWayMs + lagMs + 2 * WOBBLE_MS + 1 : 0,
    key:
      capability === "key" || capability === "both"
        ? {
            lifetimeMs: marginMs + random.pick([300, 1_500, 5_000, 60_000]),
            marginMs,
            repeatsErrors: random.chance(0.2),
          }
        : null,
    precise: random.chance(0.3),
    serialize: shared && random.chance(0.6),
    dedup: shared ? random.pick(["skip", "hold", null]) : null,
    needsApproval: random.chance(0.12),
    bound: random.chance(0.12),
    looksBefore: random.chance(0.15),
    byKey: random.chance(0.3),
    timeoutMs: random.pick([300, 1_000, 3_000]),
    retry: {
      maxAttempts: random.int(1, 4),
      maxElapsed: random.pick([2_000, 10_000, 60_000]),
      base: random.pick([20, 200]),
      cap: random.pick([500, 3_000]),
    },
  };
}

function drawIntent(random: Random, n: number, actions: readonly ActionPlan[], activeMs: number): Intent {
  const action = random.pick(actions);
  const first = random.int(0, Math.floor(activeMs / 2));
  const again = Array.from({ length: random.int(0, 2) }, () =>
    random.chance(0.5) ? first + random.int(0, 20) : random.int(first, activeMs),
  );
  return {
    name: `i${n + 1}`,
    action,
    record: action.serialize || action.dedup !== null ? "record:1" : `record:${n + 1}`,
    run: random.pick([null, "run-1", "run-2"]),
    caseId: action.bound ? `case-${random.int(1, 2)}` : null,
    askedAt: [first, ...again],
  };
}

function drawOutage(random: Random, activeMs: number): { from: number; until: number } {
  const from = random.int(0, activeMs);
  return { from, until: from + random.pick([300, 2_000, 8_000]) };
}

/** What befalls a new life: often just when it has been given a claim, or hears what became of its effect. */
export function drawMoments(random: Random, perLife: number): readonly Moment[] {
  const moments: Moment[] = [];
  for (let left = perLife; random.chance(left); left -= 1) {
    const turn = random.weighted({ other: 3, claimed: 2, answered: 1 });
    moments.push({ turn, count: random.int(1, turn === "other" ? 50 : 3), mishap: drawMishap(random) });
  }
  return moments;
}

function drawMishap(random: Random): Mishap {
  switch (random.weighted({ crash: 5, pause: 4, jump: 2, close: 1 })) {
    case "crash":
      return { kind: "crash" };
    case "pause":
      return { kind: "pause", ms: random.pick([30, 300, 2_000, 12_000, 40_000]) };
    case "jump":
      return { kind: "jump", ms: random.pick([100, 2_000, 60_000]) };
    case "close":
      return { kind: "close" };
  }
}
