import { stripVTControlCharacters, styleText } from "node:util";
import { OnceguardError } from "../core/errors.ts";
import type { State } from "../core/receipt.ts";

type Style = Parameters<typeof styleText>[0];

/** Colour on a terminal only; NO_COLOR and FORCE_COLOR are honoured. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}

/** A line of the answer. */
export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** The answer with `--json`: one document. */
export function printJson(document: unknown): void {
  print(JSON.stringify(document, null, process.stdout.isTTY ? 2 : undefined));
}

/** A line beside the answer. */
export function note(message: string): void {
  process.stderr.write(`${paint("dim", "onceguard:", process.stderr)} ${oneLine(message)}\n`);
}

/** What went wrong: one line, and for an error with a page of its own, where that is. */
export function printError(error: unknown, json = false): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${paint(["red", "bold"], "onceguard:", process.stderr)} ${oneLine(message)}\n`);
  const documented = error instanceof OnceguardError;
  if (documented) process.stderr.write(`${paint("dim", `           ${error.docs}`, process.stderr)}\n`);
  if (json) printJson({ error: documented ? error.toJSON() : { code: "cli_error", message: oneLine(message) } });
}

function oneLine(text: string): string {
  return visible(text.replace(/\s*\n\s*/g, " ").trim());
}

/** Data of others on a terminal: what would move the cursor or change colours is shown, not obeyed. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) =>
    char === "\n" ? "\\n" : char === "\t" ? "\\t" : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export interface Column {
  readonly title: string;
  /** May be cut with an ellipsis on a terminal that is too narrow for the table. */
  readonly shrink?: boolean;
}

const GAP = "  ";

/** Aligned columns under a dim head. Cells may be painted. */
export function printTable(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
  const widths = columns.map(({ title }, n) => Math.max(title.length, ...rows.map((row) => widthOf(row[n] ?? ""))));
  fit(columns, widths, process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, n) => pad(cell, widths[n] ?? 0))
      .join(GAP)
      .trimEnd();
  print(paint("dim", line(columns.map(({ title }) => title))));
  for (const row of rows) print(line(row));
}

/** Takes what is missing from the columns that may shrink, the widest first. */
function fit(columns: readonly Column[], widths: number[], available: number): void {
  const total = (): number => widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
  while (total() > available) {
    const widest = Math.max(...widths.filter((_, n) => columns[n]?.shrink));
    if (widest <= 8) return;
    widths[widths.findIndex((width, n) => columns[n]?.shrink && width === widest)] = widest - 1;
  }
}

function pad(cell: string, width: number): string {
  const own = widthOf(cell);
  if (own <= width) return cell + " ".repeat(width - own);
  return `${[...stripVTControlCharacters(cell)].slice(0, width - 1).join("")}…`;
}

function widthOf(cell: string): number {
  return [...stripVTControlCharacters(cell)].length;
}

/** How wide a line may be: as the terminal is; anywhere else there is no need to break one. */
export function lineWidth(): number {
  const { isTTY, columns } = process.stdout;
  return isTTY && columns > 0 ? Math.min(columns, WIDEST) : Number.POSITIVE_INFINITY;
}

/** Longer lines are hard to read, however wide the terminal is. */
const WIDEST = 120;

/** Breaks words into lines that fit behind an indent; a word that is too long for any line is cut up. */
export function wrapped(text: string, indent: string, width: number = lineWidth()): string[] {
  const room = Math.max(20, width - indent.length);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((one) => inPieces(one, room))) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(indent + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

function inPieces(word: string, room: number): string[] {
  if (word.length <= room) return [word];
  const pieces: string[] = [];
  for (let at = 0; at < word.length; at += room) pieces.push(word.slice(at, at + room));
  return pieces;
}

/** A line on a terminal that is overwritten by the next; elsewhere nothing. Ends with null. */
export function progress(line: string | null): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\u001b[K${line === null ? "" : paint("dim", line, process.stderr)}`);
}

/** Names and values, aligned; entries without a value are left out. */
export function printFields(fields: readonly (readonly [name: string, value: string | null])[]): void {
  const shown = fields.filter((field): field is readonly [string, string] => field[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  for (const [name, value] of shown) print(`${paint("dim", name.padEnd(width))}${GAP}${value}`);
}

const STATE_STYLES: Readonly<Record<State, Style>> = {
  held: "magenta",
  running: "cyan",
  retry_wait: "cyan",
  in_doubt: "yellow",
  review: "yellow",
  succeeded: "green",
  failed: "red",
  denied: "red",
  compensating: "cyan",
  compensated: "green",
  expired: "gray",
};

export function paintState(state: State): string {
  return paint(STATE_STYLES[state], state);
}

/** `12s`, `3m`, `5h`, `2d`. */
export function span(ms: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
  ] as const;
  for (const [unit, size] of units) if (ms >= size) return `${Math.floor(ms / size)}${unit}`;
  return `${Math.max(0, Math.floor(ms / 1_000))}s`;
}

/** A time to the second, in UTC: `2026-11-21T09:14:03Z`. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
