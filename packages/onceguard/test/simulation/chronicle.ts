import type { Timeline } from "./timeline.ts";

/** What a simulation leaves behind: how often what happened, the first rule that was broken, and the history if asked. */
export class Chronicle {
  readonly counts = new Map<string, number>();
  /** Null: nobody reads it, and nobody pays for it. */
  readonly lines: string[] | null;
  violation: string | null = null;
  readonly #timeline: Timeline;

  constructor(timeline: Timeline, traced: boolean) {
    this.#timeline = timeline;
    this.lines = traced ? [] : null;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Call it as `chronicle.lines && chronicle.note(...)`: without a reader the text is not even made. */
  note(who: string, what: string): void {
    this.lines?.push(`${String(this.#timeline.now).padStart(7)} ms  ${who.padEnd(9)} ${what}`);
  }

  /** The first one counts: what follows may only be its consequence. */
  violate(rule: string, what: string): void {
    if (this.violation !== null) return;
    this.violation = `${rule}: ${what} (at ${this.#timeline.now} ms)`;
    this.note("VIOLATION", `${rule}: ${what}`);
  }
}
