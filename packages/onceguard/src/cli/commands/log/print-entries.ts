import type { LogEntry } from "../../../core/ports.ts";
import { logDetail } from "../../log-detail.ts";
import { paint, paintState, print, printTable, timeText, visible } from "../../output.ts";

export function printEntries(entries: readonly LogEntry[]): void {
  printTable(
    [
      { title: "AT" },
      { title: "EVENT" },
      { title: "REQUEST", shrink: true },
      { title: "ACTION" },
      { title: "RECORD", shrink: true },
      { title: "STATE" },
      { title: "TRY" },
      { title: "BY", shrink: true },
      { title: "CAUSE" },
      { title: "DETAIL", shrink: true },
    ],
    entries.map(cells),
  );
}

/** One entry as a line of its own, for a log that goes on. */
export function printEntry(entry: LogEntry): void {
  print(cells(entry).join("  "));
}

function cells(entry: LogEntry): string[] {
  const { at, event, requestId, action, recordId, state, attemptNumber, actor, runId, cause } = entry;
  return [
    timeText(at),
    visible(event),
    visible(requestId ?? "-"),
    visible(action ?? "-"),
    visible(recordId ?? "-"),
    state === null ? "-" : paintState(state),
    attemptNumber === 0 ? "-" : String(attemptNumber),
    visible([actor, runId].filter((one) => one !== null).join(" in ") || "-"),
    cause === null || cause === "first" ? (cause ?? "-") : paint("yellow", cause),
    changeWords(entry) ?? logDetail(entry) ?? "-",
  ];
}

/** What changed about the record, field by field where it has some. */
function changeWords({ before, after }: LogEntry): string | null {
  if (before === null && after === null) return null;
  if (after === null) return `before: ${visible(short(before ?? ""))}`;
  return `after: ${visible(short(after))}`;
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
