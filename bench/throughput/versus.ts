import { inTurn, ratio, type Timed } from "./in-turn.ts";
import { type Measurement, summarise } from "./measure.ts";
import { atLeast, figure, type Goal, type Row, type Table } from "./report.ts";
import { progress, type Settings } from "./settings.ts";

/** What is wanted of a ratio at some number of callers. */
export interface Wanted {
  readonly ratio: number;
  /** And p50 and p99 below the reference's. */
  readonly faster?: boolean;
}

export interface Versus {
  readonly title: string;
  readonly about: string;
  readonly ours: Timed;
  readonly reference: Timed;
  readonly goals: Readonly<Record<number, Wanted>>;
}

/** A table of ours beside a reference at each number of callers. */
export async function versus({ title, about, ours, reference, goals }: Versus, settings: Settings): Promise<Table> {
  const rows: Row[] = [];
  for (const callers of settings.callers) {
    const [a = [], b = []] = await inTurn([ours, reference], callers, settings);
    const [us, them] = [summarise(a), summarise(b)];
    const times = ratio(a, b);
    const wanted = goals[callers];
    rows.push({
      cells: [String(callers), described(us), described(them), figure(times)],
      goal: wanted && goalOf(wanted, times, us, them),
      data: { callers, ours: us, reference: them, ratio: times },
    });
    progress(
      `${title}, ${callers} callers: ${described(us)}; ${reference.name}: ${described(them)}; ${figure(times)}x`,
    );
  }
  return { title, about, columns: ["callers", "Onceguard, per second (p50, p99 ms)", reference.name, "ratio"], rows };
}

function goalOf(wanted: Wanted, times: number, us: Measurement, them: Measurement): Goal {
  const goal = atLeast(times, wanted.ratio);
  if (!wanted.faster) return goal;
  const isFaster = us.p50Ms < them.p50Ms && us.p99Ms < them.p99Ms;
  return { text: `${goal.text}, lower p50 and p99`, isMet: goal.isMet && isFaster };
}

export function described({ perSecond, p50Ms, p99Ms }: Measurement): string {
  return `${figure(perSecond, 0)} (${figure(p50Ms, 2)}, ${figure(p99Ms, 2)})`;
}
