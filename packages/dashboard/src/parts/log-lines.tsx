import type { JSX } from "preact";
import type { LogEntry } from "../api/types.ts";
import { Empty, ReceiptLink, Scroll, StateBadge } from "./basics.tsx";
import { causeWords, detailWords, eventWords } from "./words.ts";

/** The log across requests. */
export function LogLines({
  entries,
  label,
}: {
  readonly entries: readonly LogEntry[];
  readonly label: string;
}): JSX.Element {
  if (entries.length === 0) return <Empty title="The log has nothing of it." />;
  return (
    <Scroll label={label}>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">when</th>
            <th scope="col">event</th>
            <th scope="col">state</th>
            <th scope="col">action</th>
            <th scope="col">request</th>
            <th scope="col">record</th>
            <th scope="col">who</th>
            <th scope="col">why</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.seq}>
              <td class="num">
                <time dateTime={entry.at} title={entry.at}>
                  {clock(entry.at)}
                </time>
              </td>
              <td>{eventWords(entry.event)}</td>
              <td>{entry.state && <StateBadge state={entry.state} />}</td>
              <td class="mono">{entry.action}</td>
              <td>{entry.request_id && <ReceiptLink id={entry.request_id} />}</td>
              <td class="mono">{entry.record_id}</td>
              <td>{entry.actor}</td>
              <td class="why-cell">
                {[entry.cause && causeWords(entry.cause), detailWords(entry.detail)].filter(Boolean).join("; ")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** With its day, unless that is today. */
function clock(at: string): string {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const day = isToday ? {} : ({ day: "numeric", month: "short" } as const);
  return date.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
