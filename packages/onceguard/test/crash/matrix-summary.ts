import {
  type Cell,
  COLUMN_NAMES,
  type Column,
  DEATHS,
  deathsOf,
  type Impossible,
  impossibleLines,
  ROWS,
  type Row,
} from "./matrix-rows.ts";

/** What became of every cell on one store. */
export class MatrixSummary {
  readonly #kind: string;
  readonly #cells = new Map<string, { readonly cell: Cell; failure: string | null }>();
  readonly #impossible: Impossible[] = [];

  constructor(kind: string) {
    this.#kind = kind;
  }

  /** A part of the cell has passed; a part that failed before stays failed. */
  passed(cell: Cell): void {
    const key = keyOf(cell);
    if (!this.#cells.has(key)) this.#cells.set(key, { cell, failure: null });
  }

  failed(cell: Cell, why: string): void {
    const name = `${cell.row.title}; ${cell.column}; ${cell.death}`;
    const known = this.#cells.get(keyOf(cell));
    this.#cells.set(keyOf(cell), { cell, failure: known?.failure ?? `${name}: ${why}` });
  }

  cannot(impossible: Impossible): void {
    this.#impossible.push(impossible);
  }

  failure(cell: Cell): string | null {
    return this.#cells.get(keyOf(cell))?.failure ?? null;
  }

  /** One character for each way to die: passed, failed, or not that way. */
  text(): string {
    const rows = ROWS.filter((row) => [...this.#cells.values()].some(({ cell }) => cell.row === row));
    const width = Math.max(0, ...rows.map(({ title }) => title.length));
    const lines = rows.map(
      (row) =>
        `${row.title.padEnd(width)}  ${COLUMN_NAMES.map((column) => this.#marks(row, column).padEnd(column.length)).join("  ")}`,
    );
    return [`${"".padEnd(width)}  ${COLUMN_NAMES.join("  ")}`, ...lines, ...this.#reasons(), this.#total()].join("\n");
  }

  #marks(row: Row, column: Column): string {
    if (typeof row.given(column) === "string") return "-";
    return DEATHS.map((death) => {
      const known = [...this.#cells.values()].find(
        ({ cell }) => cell.row === row && cell.column === column && cell.death === death,
      );
      return known ? (known.failure === null ? "+" : "X") : " ";
    }).join("");
  }

  #reasons(): readonly string[] {
    const rows = ROWS.filter((row) => this.#impossible.some((one) => one.row === row));
    return rows.flatMap((row) => impossibleLines(row).map((line) => `impossible: ${line.join(": ")}`));
  }

  #total(): string {
    const all = [...this.#cells.values()];
    const main = all.filter(({ cell }) => isOfThe13(cell));
    const impossibleMain = this.#impossible.filter(isOfThe13);
    return (
      `crash matrix on ${this.#kind}: ${passedOf(all)} cells passed, ${deathsIn(this.#impossible)} impossible; ` +
      `of these 13 points x 5 capabilities x 3 deaths: ${passedOf(main)}, ${deathsIn(impossibleMain)} impossible`
    );
  }
}

function isOfThe13({ row, column }: Pick<Cell, "row" | "column">): boolean {
  return row.main !== null && column !== "none + mark";
}

function passedOf(cells: readonly { readonly failure: string | null }[]): string {
  return `${cells.filter(({ failure }) => failure === null).length} of ${cells.length}`;
}

function deathsIn(impossible: readonly Impossible[]): number {
  return impossible.reduce((sum, { row, column }) => sum + deathsOf(row, column).length, 0);
}

function keyOf({ row, column, death }: Cell): string {
  return `${ROWS.indexOf(row)}|${column}|${death}`;
}
