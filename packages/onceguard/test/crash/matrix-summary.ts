import { type Cell, COLUMN_NAMES, type Column, DEATHS, type Impossible, ROWS, type Row } from "./matrix-rows.ts";

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

  /** The impossible ones, by name and reason. */
  #reasons(): readonly string[] {
    const byReason = Map.groupBy(this.#impossible, ({ row, why }) => `${row.title}|${why}`);
    return [...byReason.values()].map((group) => {
      const [{ row, why }] = group as [Impossible, ...Impossible[]];
      return `impossible: ${row.title}: ${group.map(({ column }) => column).join(", ")}: ${why}`;
    });
  }

  #total(): string {
    const all = [...this.#cells.values()];
    const passed = all.filter(({ failure }) => failure === null);
    const isMain = ({ cell }: { readonly cell: Cell }) => cell.row.main !== null && cell.column !== "none, precise";
    const mainImpossible = this.#impossible.filter((one) => one.row.main !== null && one.column !== "none, precise");
    return (
      `crash matrix on ${this.#kind}: ${passed.length} of ${all.length} cells passed, ` +
      `${this.#impossible.length * DEATHS.length} impossible; of these 13 points x 5 capabilities x 3 deaths: ` +
      `${passed.filter(isMain).length} of ${all.filter(isMain).length}, ${mainImpossible.length * DEATHS.length} impossible`
    );
  }
}

function keyOf({ row, column, death }: Cell): string {
  return `${ROWS.indexOf(row)}|${column}|${death}`;
}
