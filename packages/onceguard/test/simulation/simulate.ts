import { OnceguardError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { actionOf, type SimulatedOptions } from "./actions.ts";
import { Agents } from "./agents.ts";
import { Chronicle } from "./chronicle.ts";
import { Crowd } from "./crowd.ts";
import { clockOf, Life } from "./life.ts";
import { Operators } from "./operators.ts";
import { Oracle } from "./oracle.ts";
import { Random } from "./random.ts";
import { type ActionPlan, drawMoments, drawScenario, type Scenario, WOBBLE_MS } from "./scenario.ts";
import { atRest, atRestAfterTurn, type Happening, Timeline } from "./timeline.ts";
import { LATEST_MS, Wire } from "./wire.ts";
import { World } from "./world.ts";

export interface SimulationOptions {
  /** Keeps the history, to be read. */
  readonly traced?: boolean;
  /** Each step is a turn of the event loop. Default: for one seed in eight. */
  readonly turns?: boolean;
  /** For tests of the harness: a guard whose ports lie to it must be found out. */
  readonly sabotage?: Sabotage;
}

export interface Sabotage {
  /** The store as the processes see it; the oracle looks at the real one. */
  readonly store?: (store: Store) => Store;
  readonly action?: (options: SimulatedOptions, plan: ActionPlan) => SimulatedOptions;
  readonly forgetsKeys?: boolean;
}

export interface Simulated {
  readonly seed: number;
  /** The first rule that was broken; null: none. */
  readonly violation: string | null;
  readonly steps: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
}

/** How long everything may take to come to an end once nothing goes wrong any more. */
const PATIENCE_MS = 900_000;
/** A simulation that never comes to rest. */
const MOST_STEPS = 50_000;
/** Every so many seeds each step is a turn of the event loop: Node then tells of rejections that nobody handled in time. */
const TURN_EVERY = 8;

/**
 * One history: the same seed gives the same, whenever and wherever.
 *
 * Several processes with a guard each work on one store, in virtual time. A seed draws what they are asked for, and what
 * goes wrong: calls of the store that fail before or after their commit, whose answers are late, lost, or overtaken, or
 * that are applied when nobody waits any more; requests to the outside world that get lost, arrive late, are refused, or
 * are carried out without an answer; processes that crash, freeze, close, or whose clocks jump; halts, and people who
 * decide. Nobody lies: what actions declare and people say is true, and the assumptions A0 to A5 of semantics.md hold.
 * After every step the rules are looked at (`record-rules.ts`, `outcome-rules.ts`, `oracle.ts`). In the end nothing goes
 * wrong any more, and everything has to be settled and everybody answered.
 *
 * Not in it: transactions and restores (a memory store has neither), `safe` actions (they wait by `AbortSignal.timeout`,
 * which is real time), compensation, notifications.
 */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Simulated> {
  const simulation = new Simulation(seed, options);
  const onRejection = (reason: unknown): void =>
    simulation.chronicle.violate("no rejection is left alone", String(reason));
  const { stackTraceLimit } = Error;
  // Errors are values here, made by the thousand; nobody reads where from.
  Error.stackTraceLimit = 0;
  process.on("unhandledRejection", onRejection);
  try {
    await simulation.run();
    await atRestAfterTurn();
  } finally {
    process.off("unhandledRejection", onRejection);
    Error.stackTraceLimit = stackTraceLimit;
  }
  const { chronicle, steps } = simulation;
  return { seed, violation: chronicle.violation, steps, counts: chronicle.counts, trace: chronicle.lines ?? [] };
}

class Simulation {
  readonly chronicle: Chronicle;
  steps = 0;
  readonly #options: SimulationOptions;
  readonly #scenario: Scenario;
  readonly #timeline = new Timeline();
  readonly #random: Random;
  readonly #atRest: () => Promise<void>;
  readonly #oracle: Oracle;
  readonly #world: World;
  readonly #wire: Wire;
  readonly #crowd: Crowd;
  readonly #agents: Agents;
  readonly #operators: Operators;
  readonly #lives: Life[] = [];
  readonly #fortune: Random;
  #wobbleMs = 0;
  #calm = false;

  constructor(seed: number, options: SimulationOptions) {
    this.#options = options;
    this.#scenario = drawScenario(seed);
    this.#random = new Random(seed, 1);
    this.#fortune = new Random(seed, 2);
    this.#atRest = (options.turns ?? seed % TURN_EVERY === 0) ? atRestAfterTurn : atRest;
    const { troubles } = this.#scenario;
    const timeline = this.#timeline;
    const chronicle = new Chronicle(timeline, options.traced ?? false);
    this.chronicle = chronicle;
    const store = memoryStore({ clock: () => START + timeline.now + this.#wobbleMs });
    this.#oracle = new Oracle(this.#scenario, store, timeline, chronicle);
    this.#world = new World(timeline, new Random(seed, 3), chronicle, this.#oracle, troubles);
    this.#world.forgetsKeys = options.sabotage?.forgetsKeys ?? false;
    this.#oracle.world = this.#world;
    const seen = options.sabotage?.store?.(store) ?? store;
    this.#wire = new Wire(seen, timeline, new Random(seed, 4), chronicle, this.#oracle, troubles);
    const people = new Random(seed, 5);
    this.#crowd = new Crowd(this.#scenario, timeline, people, chronicle, this.#oracle, this.#world, this.#lives);
    this.#agents = new Agents(this.#crowd);
    this.#operators = new Operators(this.#crowd, this.#agents);
  }

  async run(): Promise<void> {
    const { processes, activeMs, troubles } = this.#scenario;
    if (this.chronicle.lines) this.chronicle.note("scenario", JSON.stringify(this.#scenario));
    for (let n = 1; n <= processes; n++) this.#start(`p${n}`, 1);
    this.#agents.start();
    this.#operators.start();
    this.#wobbles();
    await this.#until(activeMs, () => false);
    this.#calmDown();
    this.#operators.finish();
    this.#agents.askAgain(0.5);
    await this.#comesToRest();
    this.#agents.askAgain();
    // What is still on its way must change nothing any more.
    await this.#until(this.#timeline.now + LATEST_MS + troubles.longestWayMs, () => false);
    await this.#comesToRest();
  }

  async #comesToRest(): Promise<void> {
    const rested = await this.#until(this.#timeline.now + PATIENCE_MS, () => !this.#crowd.isAnythingOpen());
    if (!rested) this.chronicle.violate("everything comes to an end", this.#crowd.open());
  }

  /** Step by step, and after every step a look at the rules. Whether `done` came about before `end`. */
  async #until(end: number, done: () => boolean): Promise<boolean> {
    let lookedAt = -1;
    while (this.chronicle.violation === null) {
      if (this.#timeline.now > lookedAt) {
        if (done()) return true;
        lookedAt = this.#timeline.now;
      }
      const happening = this.#timeline.next(end);
      if (happening === undefined) break;
      if (this.#befalls(happening)) continue;
      happening.run();
      await this.#atRest();
      await this.#oracle.afterStep();
      this.steps += 1;
      if (this.steps > MOST_STEPS) this.chronicle.violate("everything comes to an end", "too many steps");
    }
    this.#timeline.now = Math.max(this.#timeline.now, end);
    return false;
  }

  #start(process: string, lifeNumber: number): void {
    const { guard: options, mishapsPerLife, actions } = this.#scenario;
    const moments = this.#calm ? [] : drawMoments(this.#fortune, mishapsPerLife);
    const life = new Life(`${process}.${lifeNumber}`, this.#random.int(0, 1_000_000), moments);
    const distort = this.#options.sabotage?.action ?? ((one) => one);
    const { maxActionsPerRun, ...durations } = options;
    const approval = actions.filter((action) => action.needsApproval);
    life.guard = createGuard({
      ...durations,
      store: withFixedSecret(this.#wire.storeFor(life)),
      actions: actions.map((plan) => actionOf(plan, life, this.#world, this.#oracle, distort)),
      rules: approval.map(({ name }) => ({ action: name, verdict: "review", reason: "a person decides" })),
      policy: () => (this.#deniesNow() ? { verdict: "deny", reason: "not any more" } : { verdict: "allow" }),
      ...(maxActionsPerRun === null ? {} : { budgets: { maxActionsPerRun } }),
      clock: clockOf(this.#timeline, life),
      randomness: { random: () => this.#random.next(), token: () => life.token() },
      spill: false,
      onBackgroundError: (error) => {
        if (error instanceof OnceguardError && error.code === "store_unavailable") return;
        this.chronicle.violate("nothing goes wrong in the background", `${life.name}: ${String(error)}`);
      },
    }) as Life["guard"];
    this.#lives.push(life);
    if (this.chronicle.lines) this.chronicle.note(life.name, "starts");
  }

  /** True when its owner does not get to it now. */
  #befalls(happening: Happening): boolean {
    const life = happening.owner as Life | null;
    const mishap = this.#calm ? undefined : life?.mishap(happening.turn);
    if (life === null || mishap === undefined) return false;
    this.chronicle.count(`mishap ${mishap.kind}`);
    if (this.chronicle.lines) this.chronicle.note(life.name, JSON.stringify(mishap));
    switch (mishap.kind) {
      case "crash":
        this.#ends(life);
        return true;
      case "pause":
        life.pausedUntil = this.#timeline.now + mishap.ms;
        this.#timeline.putBack(happening);
        return true;
      case "jump":
        life.skewMs += mishap.ms;
        this.#timeline.hasten(life.timers, mishap.ms);
        return false;
      case "close":
        this.#closes(life);
        return false;
    }
  }

  #closes(life: Life): void {
    if (life.closing) return;
    life.closing = true;
    life.guard.close().then(
      () => this.#ends(life),
      (error: unknown) => this.chronicle.violate("a guard closes", String(error)),
    );
  }

  #ends(life: Life): void {
    if (!life.alive) return;
    life.alive = false;
    if (this.chronicle.lines) this.chronicle.note(life.name, "is gone");
    const [process = "", number = ""] = life.name.split(".");
    const inMs = this.#calm ? 0 : this.#fortune.pick([0, 50, 3_000]);
    this.#timeline.in(inMs, null, () => this.#start(process, Number(number) + 1));
  }

  #calmDown(): void {
    this.#calm = true;
    this.#wire.calm();
    this.#world.calm();
    if (this.chronicle.lines) this.chronicle.note("scenario", "nothing goes wrong any more");
  }

  /** The store's clock is never quite right, and is put right in steps. */
  #wobbles(): void {
    this.#timeline.in(this.#fortune.int(200, 5_000), null, () => {
      if (this.#calm) return;
      const before = this.#wobbleMs;
      this.#wobbleMs = this.#fortune.int(-WOBBLE_MS, WOBBLE_MS);
      this.chronicle.count(`store's clock ${this.#wobbleMs < before ? "back" : "ahead"}`);
      this.#wobbles();
    });
  }

  #deniesNow(): boolean {
    const { deniesFrom } = this.#scenario;
    return !this.#calm && deniesFrom !== null && this.#timeline.now >= deniesFrom;
  }
}

const START = Date.UTC(2026, 0, 1);

/** A memory store draws a secret of its own; fingerprints have to be the same every time. */
function withFixedSecret(store: Store): Store {
  return new Proxy(store, {
    get: (target, name) =>
      name === "open"
        ? async () => ({ ...(await target.open()), secret: "simulation" })
        : Reflect.get(target, name, target),
  });
}
