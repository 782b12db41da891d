import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { apiUrl, get, headers, Problem, part, post } from "../api/client.ts";
import type { Receipt, ReceiptDocument } from "../api/types.ts";
import { useEvents } from "../hooks/use-events.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { may, useMe } from "../hooks/use-me.ts";
import { Loading, Page, ProblemNote, Section, StateBadge, short } from "../parts/basics.tsx";
import { DECISIONS, type Decision, decide, decisionsFor } from "../parts/decide.ts";
import { ReasonForm } from "../parts/decision.tsx";
import { Evidence } from "../parts/evidence.tsx";
import { SendForm } from "../parts/send-form.tsx";
import { STATE_WORDS } from "../parts/words.ts";

export function ReceiptView({ id }: { readonly id: string }): JSX.Element {
  const { value, problem, ready, reload } = useLoaded(
    (signal) => get<ReceiptDocument>(`/v1/receipts/${part(id)}`, {}, signal),
    id,
  );
  useEvents((receipt) => {
    if (receipt.request_id === id) reload();
  });
  const record = value?.record;
  return (
    <Page
      title={record ? record.action : short(id)}
      ready={ready}
      lead={<span class="mono wrap">{id}</span>}
      aside={record && <StateBadge state={record.state} />}
    >
      <ProblemNote problem={problem} retry={reload} />
      {!ready && <Loading />}
      {record && (
        <>
          <p class="sentence" role="status">
            {STATE_WORDS[record.state]}
          </p>
          <Decide key={record.version} record={record} onDone={reload} />
          <Evidence of={value} />
          <GiveEvidence id={id} onDone={reload} />
          <Verification id={id} />
        </>
      )}
    </Page>
  );
}

function Decide({ record, onDone }: { readonly record: Receipt; readonly onDone: () => void }): JSX.Element | null {
  const me = useMe();
  const [chosen, setChosen] = useState<Decision | null>(null);
  const offered = decisionsFor(record);
  if (offered.length === 0) return null;
  if (!may(me, "decide")) {
    return (
      <p class="note">Your role ({me.roles.join(", ")}) may look. Deciding needs a key of role reviewer or operator.</p>
    );
  }
  if (chosen !== null) {
    const { label, explain, tone } = DECISIONS[chosen];
    return (
      <div class="card">
        <ReasonForm
          action={label}
          explain={explain}
          tone={tone}
          onCancel={() => setChosen(null)}
          onSubmit={async (reason) => {
            await decide(record, chosen, reason);
            onDone();
          }}
        />
      </div>
    );
  }
  return (
    <div class="buttons">
      {offered.map((decision) => (
        <button key={decision} type="button" onClick={() => setChosen(decision)}>
          {DECISIONS[decision].label}
        </button>
      ))}
    </div>
  );
}

/** What the outside world says, by somebody who has asked it: it settles what is open, and marks a contradiction otherwise. */
function GiveEvidence({ id, onDone }: { readonly id: string; readonly onDone: () => void }): JSX.Element | null {
  if (!may(useMe(), "stop")) return null;
  return (
    <SendForm
      title="Give evidence from outside"
      action="Give evidence"
      explain="A provider's dashboard, a ledger, a bank statement. It settles what is open. Against what is settled already, it marks a conflict, and a person has to look."
      onSubmit={async (given) => {
        await post(`/v1/evidence/${part(id)}`, { answer: given("answer"), source: given("source") });
        onDone();
        return "Recorded.";
      }}
    >
      <label>
        It
        <select name="answer">
          <option value="happened">happened</option>
          <option value="did_not_happen">did not happen</option>
        </select>
      </label>
      <label>
        Who says so
        <input name="source" required maxLength={255} autoComplete="off" placeholder="stripe dashboard, re_1Nabc" />
      </label>
    </SendForm>
  );
}

interface Bundle {
  readonly checkpoint: string;
  readonly anchor: object | null;
}

/** Whether an outsider can check it. Only said, not verified here: the page comes from the same server as the receipt. */
function Verification({ id }: { readonly id: string }): JSX.Element {
  const me = useMe();
  const { value, problem } = useLoaded<{ bundle: Bundle; file: string } | null>(async (signal) => {
    if (!me.sealed) return null;
    const response = await fetch(apiUrl(`/v1/receipts/${part(id)}`, { export: "true" }), {
      headers: headers(),
      signal,
    });
    const text = await response.text();
    if (!response.ok) {
      const { title, code, detail } = JSON.parse(text) as { title: string; code: string; detail: string };
      throw new Problem(response.status, code, title, detail, null);
    }
    return { bundle: JSON.parse(text) as Bundle, file: text };
  }, id);
  const size = value?.bundle.checkpoint.split("\n")[1];
  const save = (): void => {
    const url = URL.createObjectURL(new Blob([value?.file ?? ""], { type: "application/json" }));
    const anchor = Object.assign(document.createElement("a"), { href: url, download: "receipt-bundle.json" });
    anchor.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Section title="Verification">
      {!me.sealed ? (
        <p class="dim">
          This service has no sealed log. With onceguard seal and serve --sealed, anybody can check this receipt
          offline.
        </p>
      ) : problem?.code === "not_sealed" ? (
        <p>Not sealed yet: the sealer has not come to its last change.</p>
      ) : problem ? (
        <ProblemNote problem={problem} />
      ) : (
        value && (
          <>
            <p>
              Sealed: in the checkpoint over {size} entries,{" "}
              {value.bundle.anchor ? "anchored outside" : "not anchored outside"}. Check it where you trust the keys:{" "}
              <code>onceguard verify receipt-bundle.json --keys public.json</code>
            </p>
            <button type="button" onClick={save}>
              Save the signed bundle
            </button>
          </>
        )
      )}
    </Section>
  );
}
