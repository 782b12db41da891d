/** What a part found out: a table that can be pasted into the documentation. */
export interface Table {
  readonly title: string;
  /** What was measured, and how. */
  readonly about: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export interface Row {
  readonly cells: readonly string[];
  /** From the project's performance goals; absent where none is stated. */
  readonly goal?: Goal | undefined;
  /** The figures behind the cells. */
  readonly data: unknown;
}

export interface Goal {
  readonly text: string;
  readonly isMet: boolean;
}

export function atLeast(value: number, goal: number, unit = "x"): Goal {
  return { text: `at least ${goal}${unit}`, isMet: value >= goal };
}

export function atMost(value: number, goal: number, unit = "x"): Goal {
  return { text: `at most ${goal}${unit}`, isMet: value <= goal };
}

/** 12,345; or with as many decimals as are worth reading. */
export function figure(value: number, decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2): string {
  if (!Number.isFinite(value)) return "-";
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function markdown(table: Table): string {
  const hasGoals = table.rows.some((row) => row.goal);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const head = hasGoals ? [...table.columns, "goal", ""] : table.columns;
  const rows = table.rows.map(({ cells, goal }) =>
    line(hasGoals ? [...cells, goal?.text ?? "", goal ? (goal.isMet ? "met" : "**not met**") : ""] : cells),
  );
  return [`### ${table.title}`, "", table.about, "", line(head), line(head.map(() => "---")), ...rows, ""].join("\n");
}

/** The goals that were not met, so that nobody has to look for them. */
export function verdict(tables: readonly Table[]): string {
  const goals = tables.flatMap(({ title, rows }) =>
    rows.flatMap((row) => (row.goal ? [{ title, row, ...row.goal }] : [])),
  );
  const missed = goals.filter(({ isMet }) => !isMet);
  const lines = missed.map(({ title, row, text }) => `- ${title}: ${row.cells.join(", ")} (goal: ${text})`);
  return [
    `${goals.length - missed.length} of ${goals.length} goals met.`,
    ...(lines.length > 0 ? ["", "Not met:", "", ...lines] : []),
  ].join("\n");
}
