import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, part, post } from "../api/client.ts";
import type { Case, Page as PageOf, Policies } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { may, useMe } from "../hooks/use-me.ts";
import { Empty, Facts, Instant, Loading, Page, ProblemNote, ReceiptLink, Section } from "../parts/basics.tsx";
import { CaseStates } from "../parts/case-states.tsx";
import { ReasonForm } from "../parts/decision.tsx";
import { ReceiptTable } from "../parts/receipt-table.tsx";
import { SendForm } from "../parts/send-form.tsx";
import { Outcomes, Signals } from "../parts/signals.tsx";
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
