import { readFileSync } from "node:fs";
import { inOrder, type Verdict } from "./judge.ts";

/** Counts of effects, and what was said of them: theirs as published, ours from the cells of the same shape. */
export interface Compared {
  readonly experiment: string;
  readonly reportedUnguarded: string;
  readonly naive: string;
  readonly reportedGuarded: string;
  /** In the world that offers nothing to ask, as theirs. */
  readonly onceguardNone: string;
  readonly onceguard: string;
}

type Cell = readonly [effects: number, status: string | null];
interface Reported {
  readonly "crewai-retry-ab-v3": { readonly cells: Readonly<Record<string, Cell>> };
  readonly "crewai-unguarded-retry (argentum)": Readonly<Record<"unguarded" | "guarded", { effect_count: number }>>;
}

/** SafeAgent's CrewAI experiment (a tool that raises before or after its effect, and is retried) and argentum's. */
export function comparedWith(verdicts: readonly Verdict[]): readonly Compared[] {
  const file = new URL("./reported-numbers.json", import.meta.url);
  const reported = JSON.parse(readFileSync(file, "utf8")) as Reported;
  const { cells } = reported["crewai-retry-ab-v3"];
  const argentum = reported["crewai-unguarded-retry (argentum)"];
  const own = (contender: string, fault: string, isNothing: boolean): string =>
    distinct(
      verdicts
        .filter((one) => one.contender === contender && one.fault === fault && (one.effect === "email") === isNothing)
        .map(({ effects, told }) => `${effects}, ${inOrder(told.slice(-1)).replace("nothing", "never told")}`),
    );
  const cellOf = ([effects, status]: Cell | undefined = [Number.NaN, null]): string =>
    status === null ? String(effects) : `${effects}, ${status}`;
  const shapes = [
    ["clean", "clean"],
    ["pre_effect", "raised-before"],
    ["post_effect", "raised-after"],
  ] as const;
  return [
    ...shapes.map(([theirs, fault]) => ({
      experiment: `crewai-retry-ab-v3, ${theirs}`,
      reportedUnguarded: cellOf(cells[`unguarded/${theirs}`]),
      naive: own("naive", fault, true),
      reportedGuarded: cellOf(cells[`safeagent/${theirs}`]),
      onceguardNone: own("Onceguard", fault, true),
      onceguard: own("Onceguard", fault, false),
    })),
    {
      experiment: "crewai-unguarded-retry (argentum)",
      reportedUnguarded: String(argentum.unguarded.effect_count),
      naive: own("naive", "raised-after-always", true),
      reportedGuarded: String(argentum.guarded.effect_count),
      onceguardNone: own("Onceguard", "raised-after-always", true),
      onceguard: own("Onceguard", "raised-after-always", false),
    },
  ];
}

function distinct(texts: readonly string[]): string {
  const times = new Map<string, number>();
  for (const text of texts) times.set(text, (times.get(text) ?? 0) + 1);
  return [...times].map(([text, n]) => (n === 1 ? text : `${text} (${n}x)`)).join("; ");
}
