import type { JSX } from "preact";
import type { Json, LogEntry, Receipt, ReceiptDocument } from "../api/types.ts";
import { useMe } from "../hooks/use-me.ts";
import { link } from "../hooks/use-route.ts";
import { Empty, Facts, Instant, JsonBlock, RunLink, Scroll, Section } from "./basics.tsx";
import { DiffTable, differences } from "./diff.tsx";
import { Waterfall } from "./waterfall.tsx";
import { causeWords, detailWords, eventWords, number, reasonWords, words } from "./words.ts";

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
      <Section title="Timeline">
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

const DECIDED: ReadonlySet<string> = new Set([
  "resolve",
  "approve",
  "deny",
  "reopen",
  "compensate",
  "late_success",
  "late_denial",
]);
const EVIDENCE_WORDS: Readonly<Record<string, string>> = {
  effect: "the effect itself was observed",
  probe: "a probe asked the outside world",
  late: "evidence came late: from a former owner or a provider",
  person: "a person said so",
};

function Decisions({
  record,
  log,
}: {
  readonly record: Receipt;
  readonly log: readonly LogEntry[];
}): JSX.Element | null {
  const decided = log.filter(({ event }) => DECIDED.has(event) || event.startsWith("probe_"));
  if (decided.length === 0 && record.evidence === null) return null;
  return (
    <Section title="Who decided, and on what evidence">
      {record.evidence !== null && <p>How it is known: {EVIDENCE_WORDS[record.evidence] ?? record.evidence}.</p>}
      {decided.length > 0 && (
        <ul class="decisions">
          {decided.map((entry) => (
            <li key={entry.seq}>
              <strong>{eventWords(entry.event)}</strong>{" "}
              {!entry.event.startsWith("probe_") && entry.actor && <>by {entry.actor}</>}
              <span class="dim">
                {" "}
                <Instant at={entry.at} />
              </span>
              <span class="decision-why">{detailWords(entry.detail)}</span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Replays({ log }: { readonly log: readonly LogEntry[] }): JSX.Element | null {
  const replays = log.filter(({ event }) => event === "replayed" || event === "mismatch" || event === "drift");
  if (replays.length === 0) return null;
  return (
    <Section title="Who asked again">
      <Scroll label="Who asked again">
        <table>
          <thead>
            <tr>
              <th scope="col">when</th>
              <th scope="col">what</th>
              <th scope="col">who</th>
              <th scope="col">why</th>
              <th scope="col">from</th>
              <th scope="col" class="right">
                times
              </th>
            </tr>
          </thead>
          <tbody>
            {replays.map((entry) => (
              <tr key={entry.seq}>
                <td>
                  <Instant at={entry.at} />
                </td>
                <td>{eventWords(entry.event)}</td>
                <td>{entry.actor ?? <span class="dim">unknown</span>}</td>
                <td>{entry.cause ? causeWords(entry.cause) : ""}</td>
                <td class="mono">{[entry.host_scope, entry.host_call_id].filter(Boolean).join(" / ")}</td>
                <td class="num right">{Number(entry.detail?.times ?? 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
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

export function FullLog({ log }: { readonly log: readonly LogEntry[] }): JSX.Element {
  return (
    <Section title="The log, line by line">
      <Scroll label="The log">
        <table>
          <thead>
            <tr>
              <th scope="col" class="right">
                place
              </th>
              <th scope="col">when</th>
              <th scope="col">event</th>
              <th scope="col">state</th>
              <th scope="col">who</th>
              <th scope="col">why</th>
              <th scope="col" class="right">
                fence
              </th>
            </tr>
          </thead>
          <tbody>
            {log.map((entry) => (
              <tr key={entry.seq}>
                <td class="num right dim">{entry.seq}</td>
                <td>
                  <Instant at={entry.at} />
                </td>
                <td>{eventWords(entry.event)}</td>
                <td>{entry.state && words(entry.state)}</td>
                <td>{entry.actor}</td>
                <td>{detailWords(entry.detail) || (entry.cause && causeWords(entry.cause))}</td>
                <td class="num right">{entry.fencing_token}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}
