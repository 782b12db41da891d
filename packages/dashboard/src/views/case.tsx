import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, part, post } from "../api/client.ts";
import type { Case, OutcomeSignal, Page as PageOf, Policies } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { may, useMe } from "../hooks/use-me.ts";
import { Empty, Facts, Instant, Loading, Page, ProblemNote, ReceiptLink, Section } from "../parts/basics.tsx";
import { CaseStates } from "../parts/case-states.tsx";
import { ReasonForm } from "../parts/decision.tsx";
import { ReceiptTable } from "../parts/receipt-table.tsx";
import { SendForm } from "../parts/send-form.tsx";
import { words } from "../parts/words.ts";

export function CaseView({ id }: { readonly id: string }): JSX.Element {
  const { value, problem, ready, reload } = useLoaded(
    async (signal) => {
      const [found, bound, policies] = await Promise.all([
        get<Case>(`/v1/cases/${part(id)}`, {}, signal),
        get<PageOf>("/v1/receipts", { case_id: id, limit: 50 }, signal),
        get<Policies>("/v1/policies", {}, signal),
      ]);
      return { found, bound: bound.receipts, finality: policies.finality };
    },
    id,
    5_000,
  );
  useEvents((receipt) => {
    if (receipt.case_id === id) reload();
  });
  const found = value?.found;
  return (
    <Page title="Case" ready={ready} lead={<span class="mono wrap">{id}</span>}>
      <ProblemNote problem={problem} retry={reload} />
      {!ready && <Loading />}
      {value && found && (
        <>
          <Section title="Where it stands">
            <CaseStates state={found.state} />
            <Standing of={found} />
          </Section>
          <Section title="What sources say">
            <Signals of={found.signals} />
            {found.signals.length > 0 && value.finality && <Outcomes of={found.signals} policy={value.finality} />}
            {found.late.length > 0 && (
              <>
                <h3>Came too late: recorded, never applied</h3>
                <Signals of={found.late} />
              </>
            )}
          </Section>
          <Finalize of={found} onDone={reload} />
          <AddSignal id={id} onDone={reload} />
          <Section title="Bound to it">
            {value.bound.length === 0 ? (
              <Empty title="No request is bound to this case." />
            ) : (
              <ReceiptTable rows={value.bound} label="Requests bound to this case" />
            )}
          </Section>
        </>
      )}
    </Page>
  );
}

function Standing({ of }: { readonly of: Case }): JSX.Element {
  const { state, leading, final, taken_by, settled_by } = of;
  return (
    <Facts
      of={[
        ["State", words(state.toLowerCase())],
        ["Leading", leading && `${leading.outcome}, since ${new Date(leading.since).toISOString()}`],
        ["Final outcome", final?.outcome],
        [
          "Chosen by",
          final &&
            (final.by === "person" ? `${final.actor}: ${final.reason}` : "the policy: sure enough, and unchallenged"),
        ],
        ["At", final && <Instant at={new Date(final.at).toISOString()} />],
        ["Acted on by", taken_by && <ReceiptLink id={taken_by} />],
        ["Settled by", settled_by && <ReceiptLink id={settled_by} />],
      ]}
    />
  );
}

/** How sure each source is. */
function Signals({ of }: { readonly of: readonly OutcomeSignal[] }): JSX.Element {
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
function Outcomes(props: { readonly of: readonly OutcomeSignal[]; readonly policy: Policy }): JSX.Element {
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

function AddSignal({ id, onDone }: { readonly id: string; readonly onDone: () => void }): JSX.Element | null {
  if (!may(useMe(), "stop")) return null;
  return (
    <SendForm
      title="Add what a source says"
      action="Add"
      explain="One signal of a source counts at a time, its latest. After the case is final it is recorded as late, and never applied."
      onSubmit={async (given) => {
        const said = { id: given("id"), source: given("source"), outcome: given("outcome") };
        const { verdict } = await post<{ verdict: string }>(`/v1/cases/${part(id)}/signals`, {
          ...said,
          confidence: Number(given("confidence")) / 100,
        });
        onDone();
        return `It is ${words(verdict)}.`;
      }}
    >
      <label>
        Source
        <input name="source" required maxLength={255} autoComplete="off" />
      </label>
      <label>
        Outcome
        <input name="outcome" required maxLength={255} autoComplete="off" />
      </label>
      <label>
        Confidence in %
        <input name="confidence" type="number" required min="0" max="100" step="1" />
      </label>
      <label>
        The signal's own id
        <input name="id" required maxLength={255} autoComplete="off" />
      </label>
    </SendForm>
  );
}

function Finalize({ of, onDone }: { readonly of: Case; readonly onDone: () => void }): JSX.Element | null {
  const me = useMe();
  const [outcome, setOutcome] = useState<string | null>(null);
  if (of.state === "FINAL" || of.state === "SETTLED" || of.signals.length === 0) return null;
  const outcomes = [...new Set(of.signals.map((signal) => signal.outcome))];
  return (
    <Section title="Choose the outcome">
      {!may(me, "decide") ? (
        <p class="dim">Choosing needs a key of role reviewer or operator.</p>
      ) : outcome === null ? (
        <div class="buttons">
          {outcomes.map((one) => (
            <button key={one} type="button" onClick={() => setOutcome(one)}>
              {one}
            </button>
          ))}
        </div>
      ) : (
        <ReasonForm
          action={`Final: ${outcome}`}
          explain="For good: what comes later is recorded as late, and never applied. What waits for this outcome runs."
          onCancel={() => setOutcome(null)}
          onSubmit={async (reason) => {
            await post(`/v1/cases/${part(of.id)}/finalize`, { outcome, reason });
            onDone();
          }}
        />
      )}
    </Section>
  );
}
