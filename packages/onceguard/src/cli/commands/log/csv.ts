import type { LogEntry } from "../../../core/ports.ts";
import { logLineOnWire } from "../../wire.ts";

const COLUMNS = [
  "seq",
  "at",
  "tenant",
  "request_id",
  "event",
  "state",
  "action",
  "record_id",
  "run_id",
  "actor",
  "cause",
  "attempt_number",
  "fencing_token",
  "version",
  "host_scope",
  "host_call_id",
  "trace_id",
  "before",
  "after",
  "detail",
] as const;

export function csvHead(): string {
  return COLUMNS.join(",");
}

/** RFC 4180. */
export function csvLine(entry: LogEntry): string {
  const wire = logLineOnWire(entry);
  return COLUMNS.map((column) => cell(wire[column])).join(",");
}

/** Text that a spreadsheet would take for a formula gets an apostrophe in front: record ids come from payloads. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
