import type { JSX } from "preact";
import type { LogEntry, State } from "../api/types.ts";
import { useNow } from "../hooks/use-now.ts";
import { detailWords, eventWords, span, words } from "./words.ts";

/** They tell of calls, or of what was read, and are no step of the request. */
const BESIDE: ReadonlySet<string> = new Set([
  "replayed",
  "drift",
  "proposed",
  "before",
  "late_failure",
  "mismatch",
  "refused",
]);
const SETTLED: ReadonlySet<State> = new Set(["succeeded", "failed", "denied", "compensated", "expired"]);

interface Stage {
  readonly entry: LogEntry;
  readonly state: State;
  readonly from: number;
  readonly to: number;
  readonly isOver: boolean;
}

export function stages(log: readonly LogEntry[], now: number): Stage[] {
  const steps = log.filter((entry) => entry.state !== null && !BESIDE.has(entry.event));
  return steps.map((entry, n) => {
    const state = entry.state as State;
    const from = Date.parse(entry.at);
    const next = steps[n + 1];
    const to = next ? Date.parse(next.at) : SETTLED.has(state) ? from : Math.max(now, from);
    return { entry, state, from, to, isOver: next !== undefined || SETTLED.has(state) };
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

/**
 * How it went, step by step: what it was in, from when to when, and what moved it on. The bars are to a logarithmic scale: an
 * attempt takes milliseconds, and the question that it leaves may stand for days.
 */
export function Waterfall({ log }: { readonly log: readonly LogEntry[] }): JSX.Element {
  const now = useNow();
  const all = stages(log, now);
  const start = all[0]?.from ?? 0;
  const widths = all.map(({ from, to }) => Math.log2(1 + to - from));
  const whole = Math.max(1, sum(widths));
  return (
    <ol class="waterfall">
      {all.map(({ entry, state, from, to, isOver }, n) => (
        <li key={entry.seq}>
          <span class="waterfall-what">
            <strong>{eventWords(entry.event)}</strong>
            {entry.attempt_number > 0 && state === "running" && (
              <span class="dim"> attempt {entry.attempt_number}</span>
            )}
            <span class="dim waterfall-detail">{detailWords(entry.detail)}</span>
          </span>
          <span class="waterfall-track" aria-hidden="true">
            <span
              class={`waterfall-bar fill-${state}`}
              style={{
                left: `${(sum(widths.slice(0, n)) / whole) * 100}%`,
                width: `${((widths[n] ?? 0) / whole) * 100}%`,
              }}
            />
          </span>
          <span class="waterfall-time num">
            <span class="dim">+{span(from - start)}</span> {words(state)}
            {to > from && ` ${isOver ? "for" : "since"} ${span(to - from)}`}
          </span>
        </li>
      ))}
    </ol>
  );
}
