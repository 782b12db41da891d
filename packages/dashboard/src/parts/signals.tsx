import type { JSX } from "preact";
import type { OutcomeSignal, Policies } from "../api/types.ts";
import { Empty, Instant } from "./basics.tsx";

/** How sure each source is. */
export function Signals({ of }: { readonly of: readonly OutcomeSignal[] }): JSX.Element {
  if (of.length === 0) {
    return (
      <Empty title="Nobody has said anything yet.">Operators and integrations signal: POST /v1/cases/…/signals.</Empty>
    );
  }
  return (
    <ul class="signals">
      {of.map(({ id, source, outcome, confidence, at }) => (
        <li key={id}>
          <span class="signal-what">
            <strong>{outcome}</strong> <span class="dim">says {source}</span>
          </span>
          <Bar share={confidence} threshold={null} />
          <span class="num">{percent(confidence)}</span>
          <span class="dim">
            <Instant at={new Date(at).toISOString()} />
          </span>
        </li>
      ))}
    </ul>
  );
}

type Policy = NonNullable<Policies["finality"]>;

/** What they come to together, as the policy weighs them; the line is what it asks for. */
export function Outcomes(props: { readonly of: readonly OutcomeSignal[]; readonly policy: Policy }): JSX.Element {
  const { threshold, min_sources, weights, default_weight } = props.policy;
  const weightOf = (source: string): number =>
    Object.hasOwn(weights, source) ? (weights[source] ?? 0) : default_weight;
  const total = props.of.reduce((sum, { source }) => sum + weightOf(source), 0);
  const byOutcome = Map.groupBy(props.of, ({ outcome }) => outcome);
  return (
    <>
      <h3>Weighed together</h3>
      <ul class="signals">
        {[...byOutcome].map(([outcome, signals]) => {
          const share =
            signals.reduce((sum, { source, confidence }) => sum + weightOf(source) * confidence, 0) / (total || 1);
          return (
            <li key={outcome}>
              <strong class="signal-what">{outcome}</strong>
              <Bar share={share} threshold={threshold} />
              <span class="num">{percent(share)}</span>
              <span class="dim">
                {signals.length < min_sources ? `${signals.length} of ${min_sources} sources` : ""}
              </span>
            </li>
          );
        })}
      </ul>
      <p class="dim">
        Final at {percent(threshold)} (the line) from {min_sources} {min_sources === 1 ? "source" : "sources"}, by the
        policy for cases that have none of their own.
      </p>
    </>
  );
}

function Bar({ share, threshold }: { readonly share: number; readonly threshold: number | null }): JSX.Element {
  return (
    <span class="signal-track" aria-hidden="true">
      <span class="signal-bar" style={{ width: `${Math.min(1, share) * 100}%` }} />
      {threshold !== null && <span class="signal-line" style={{ left: `${threshold * 100}%` }} />}
    </span>
  );
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
