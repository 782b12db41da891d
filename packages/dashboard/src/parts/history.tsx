import type { JSX } from "preact";
import type { LogEntry, Receipt } from "../api/types.ts";
import { Instant, Scroll, Section } from "./basics.tsx";
import { causeWords, detailWords, eventWords, words } from "./words.ts";

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

export function Decisions({
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

export function Replays({ log }: { readonly log: readonly LogEntry[] }): JSX.Element | null {
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
