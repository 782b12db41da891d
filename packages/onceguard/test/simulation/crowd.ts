import { OnceguardError } from "../../src/core/errors.ts";
import { isTerminal } from "../../src/core/receipt.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Life } from "./life.ts";
import type { Oracle } from "./oracle.ts";
import type { Call } from "./outcome-rules.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";
import type { World } from "./world.ts";

/** What people may be told when they decide something; everything else is a bug. */
const MAY_BE_TOLD: ReadonlySet<string> = new Set([
  "store_unavailable",
  "version_conflict",
  "not_resolvable",
  "receipt_not_found",
  "case_refused",
]);

/** Everybody who has a guard do something, and what they share: a place in time, and a process that is there. */
export class Crowd {
  readonly calls: Call[] = [];
  /** Nobody does anything careless any more. */
  calm = false;
  readonly scenario: Scenario;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly chronicle: Chronicle;
  readonly oracle: Oracle;
  readonly world: World;
  readonly #lives: readonly Life[];

  constructor(
    scenario: Scenario,
    timeline: Timeline,
    random: Random,
    chronicle: Chronicle,
    oracle: Oracle,
    world: World,
    lives: readonly Life[],
  ) {
    this.scenario = scenario;
    this.timeline = timeline;
    this.random = random;
    this.chronicle = chronicle;
    this.oracle = oracle;
    this.world = world;
    this.#lives = lives;
  }

  /** At that time, or as soon as there is a process to turn to. */
  at(time: number, deed: (life: Life) => void): void {
    this.timeline.at(time, null, () => {
      const there = this.#lives.filter((life) => life.alive && !life.closing);
      if (there.length > 0) deed(this.random.pick(there));
      else this.at(this.timeline.now + 250, deed);
    });
  }

  /** Until things calm down, or from then on. */
  every(ms: number, deed: (life: Life) => void): void {
    const { calm } = this;
    const again = (): void => {
      if (this.calm !== calm) return;
      this.at(this.timeline.now + ms, (life) => {
        deed(life);
        again();
      });
    };
    again();
  }

  /** So much time passes for somebody who is at this process. */
  passes(life: Life, ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (ms === 0) resolve();
      else this.timeline.in(ms, life, resolve);
    });
  }

  does(what: string, deed: Promise<unknown>): void {
    this.chronicle.count(`people ${what.split(" ")[0]}`);
    if (this.chronicle.lines) this.chronicle.note("people", what);
    deed.catch((error: unknown) => {
      if (!mayBeTold(error)) this.chronicle.violate("people are told what is wrong", `${what}: ${String(error)}`);
    });
  }

  isAnythingOpen(): boolean {
    for (const { receipt } of this.oracle.seen.values()) if (!isTerminal(receipt.state)) return true;
    return this.calls.some((call) => !call.answered && call.life.alive);
  }

  /** What has not come to its end, in words. */
  open(): string {
    const records = [...this.oracle.seen.values()].filter(({ receipt }) => !isTerminal(receipt.state));
    const calls = this.calls.filter((call) => !call.answered && call.life.alive);
    return [
      ...records.map(({ receipt }) => `${receipt.requestId} is ${receipt.state}`),
      ...calls.map((call) => `${call.name} has no answer`),
    ].join(", ");
  }
}

export function mayBeTold(error: unknown): boolean {
  return error instanceof OnceguardError && MAY_BE_TOLD.has(error.code);
}
