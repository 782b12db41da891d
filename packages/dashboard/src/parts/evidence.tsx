import type { JSX } from "preact";
import type { Json, LogEntry, Receipt, ReceiptDocument } from "../api/types.ts";
import { useMe } from "../hooks/use-me.ts";
import { link } from "../hooks/use-route.ts";
import { Empty, Facts, Instant, JsonBlock, RunLink, Section } from "./basics.tsx";
import { DiffTable, differences } from "./diff.tsx";
import { Decisions, FullLog, Replays } from "./history.tsx";
import { Waterfall } from "./waterfall.tsx";
import { number, reasonWords, words } from "./words.ts";

/** All that is known of one request, in the order in which a reviewer asks for it. */
export function Evidence({ of, brief }: { readonly of: ReceiptDocument; readonly brief?: boolean }): JSX.Element {
  const { record, log = [] } = of;
  if (!record) return <Empty title="This key may not see more of it." />;
  return (
    <>
      <Why record={record} />
      <Section title="What it was to do">
        <Facts of={factsOf(record)} />
        <JsonBlock value={record.payload} label="Payload" />
      </Section>
      <Section title="Timeline" aside={<span class="dim">bars on a logarithmic scale</span>}>
        <Waterfall log={log} />
      </Section>
      <BeforeAfter log={log} />
      <Decisions record={record} log={log} />
      <Replays log={log} />
      {!brief && (
        <>
          <Section title="Result">
            {record.result === null ? (
              <Empty title={record.result_omitted ? `Not kept: ${words(record.result_omitted)}` : "There is none."} />
            ) : (
              <JsonBlock value={record.result} label="Result" />
            )}
          </Section>
          <Origin record={record} />
          <FullLog log={log} />
        </>
      )}
    </>
  );
}

function Why({ record }: { readonly record: Receipt }): JSX.Element | null {
  const { failure, reason, hold, conflict, route, may_have_applied } = record;
  const facts = [
    ["Reason", reason && reasonWords(reason)],
    ["For", route && words(route)],
    ["Asked because", hold?.reasons.map(reasonWords).join("; ")],
    ["Last failure", failure && `${failure.message} (${failure.code}, ${failure.certainty})`],
    ["May have happened", may_have_applied ? "yes: an attempt may have had its effect" : null],
    ["Approved", hold?.approval ? `by ${hold.approval.actor}: ${hold.approval.reason}` : null],
  ] as const;
  if (facts.every(([, value]) => !value) && !conflict) return null;
  return (
    <div class="why">
      {conflict && (
        <p class="note note-bad">
          <strong>Evidence contradicts this record.</strong> What the outside world said does not fit what is recorded.
          Nothing more is sent until a person has decided.
        </p>
      )}
      <Facts of={facts} />
    </div>
  );
}

function factsOf(record: Receipt): [string, JSX.Element | string | null][] {
  const { action, record_id, amount, risk_tier, capability, attempt_number, actor, case_id } = record;
  return [
    ["Action", action],
    ["Record", record_id],
    ["Amount", amount === null ? null : number(amount)],
    ["Asked by", actor],
    ["Run", record.run_id === null ? null : <RunLink id={record.run_id} />],
    ["Case", case_id === null ? null : <a href={link(["cases", case_id])}>{case_id}</a>],
    ["Tier", words(risk_tier)],
    ["Can be settled by", capability === "none" ? "a person only" : words(capability)],
    ["Attempts", String(attempt_number)],
    ["Since", <Instant key="at" at={record.created_at} />],
  ];
}

function BeforeAfter({ log }: { readonly log: readonly LogEntry[] }): JSX.Element | null {
  const before = log.find((entry) => entry.before !== null)?.before;
  const after = log.findLast((entry) => entry.after !== null)?.after;
  if (before === undefined && after === undefined) return null;
  if (before !== undefined && after !== undefined) {
    return (
      <Section title="The record, before and after">
        <DiffTable changes={differences(before, after)} label="Before and after" />
      </Section>
    );
  }
  const known = (before ?? after) as Json;
  return (
    <Section title={before === undefined ? "The record after the effect" : "The record before the attempt"}>
      <JsonBlock value={known} label="The record" />
    </Section>
  );
}

function Origin({ record }: { readonly record: Receipt }): JSX.Element {
  const { trace_url } = useMe();
  const { trace_id } = record;
  const trace =
    trace_id === null ? null : trace_url === null ? (
      <code>{trace_id}</code>
    ) : (
      <a
        class="mono"
        href={trace_url.replaceAll("{trace_id}", encodeURIComponent(trace_id))}
        rel="noreferrer noopener"
        target="_blank"
      >
        {trace_id}
      </a>
    );
  return (
    <Section title="Identity and origin">
      <Facts
        of={[
          ["Request id", <code key="id">{record.request_id}</code>],
          ["Explicit id", record.explicit_id],
          ["Identity from", words(record.key_source)],
          ["Fingerprint", <code key="fp">{record.fingerprint}</code>],
          ["Fencing token", String(record.fencing_token)],
          ["Generation of the key", String(record.generation)],
          ["Version", String(record.version)],
          ["Host", [record.host_scope, record.host_call_id].filter(Boolean).join(" / ")],
          ["Trace", trace],
        ]}
      />
    </Section>
  );
}
