import { NONE } from "../facts/lists.ts";
import type { FunctionFact } from "../facts/model.ts";
import type { Values } from "./value.ts";

/** The functions whose callers had a part in an answer. */
type Dependencies = readonly FunctionFact[];

/** More than are worth to be remembered, or not known: the answer is good until callers change anywhere. */
const MANY: Dependencies = Object.freeze([]);
const MAX_DEPENDENCIES = 24;

export interface Answer {
  /** Facts outlive whoever asks about them: an answer is only good for the one that gave it. */
  readonly by: Answers | null;
  readonly values: Values;
  readonly dependencies: Dependencies;
  /** The round in which it was last known to be good. */
  round: number;
}

/**
 * Tells which answers are still good after more callers became known: those that none of the changed functions had a part
 * in. Nearly all of them stay.
 */
export class Answers {
  #round = 0;
  readonly #changed: Map<FunctionFact, number> = new Map();
  /** Of what is being worked out now. */
  #dependencies: Dependencies = NONE;

  nextRound(changed: Iterable<FunctionFact>): void {
    this.#round++;
    for (const fn of changed) this.#changed.set(fn, this.#round);
  }

  /** Values that are still good; whoever asks depends on what they depend on. */
  reuse(answer: Answer | null | undefined): Values | undefined {
    if (!answer || !this.#isGood(answer)) return undefined;
    this.#dependencies = join(this.#dependencies, answer.dependencies);
    return answer.values;
  }

  /** The callers of a function have a part in what is being worked out. */
  dependOn(fn: FunctionFact): void {
    this.#dependencies = join(this.#dependencies, [fn]);
  }

  /** Begins to work something out; give back to `end` what it returns. */
  begin(): Dependencies {
    const outer = this.#dependencies;
    this.#dependencies = NONE;
    return outer;
  }

  /** An answer that was cut short is not kept for another round. */
  end(outer: Dependencies, values: Values, isCut: boolean): Answer {
    const dependencies = isCut ? MANY : this.#dependencies;
    this.#dependencies = join(outer, dependencies);
    return { by: this, values, dependencies, round: this.#round };
  }

  #isGood(answer: Answer): boolean {
    if (answer.by !== this) return false;
    if (answer.round === this.#round) return true;
    if (answer.dependencies === MANY) return false;
    for (const fn of answer.dependencies) if ((this.#changed.get(fn) ?? 0) > answer.round) return false;
    answer.round = this.#round;
    return true;
  }
}

function join(a: Dependencies, b: Dependencies): Dependencies {
  if (a === b || b === NONE || a === MANY) return a;
  if (a === NONE || b === MANY) return b;
  const more = b.filter((one) => !a.includes(one));
  if (more.length === 0) return a;
  return a.length + more.length > MAX_DEPENDENCIES ? MANY : [...a, ...more];
}
