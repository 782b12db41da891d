import { PLAYS, type Scenario } from "./once-scenarios.ts";

/** How often it happened in one scenario, and what the callers were told. */
export interface ScenarioReport {
  readonly scenario: Scenario;
  /** How often the effect happened, by the world's ledger. Null: not run. */
  readonly happened: number | null;
  /** What the callers were told, in the order of their calls: a status, a value, or an error. */
  readonly told: readonly string[];
}

/** How often the effect of a tool happened, by scenario. */
export interface OnceReport {
  /** It happened once in every scenario that was run. */
  readonly isOnce: boolean;
  readonly scenarios: readonly ScenarioReport[];
  /** Effects that say none of the references: nobody can tell what they belong to. */
  readonly unnamed: number;
  /** The same for people. */
  readonly text: string;
}

export function textOf({ isOnce, scenarios, unnamed }: Omit<OnceReport, "text">): string {
  const head = isOnce
    ? "The effect of one intent happened once, whatever became of its calls."
    : "The effect of one intent did not happen once, whatever became of its calls.";
  const lines = scenarios.flatMap((one) => [
    `${mark(one.happened)} ${one.scenario.padEnd(13)} ${times(one.happened).padEnd(8)} ${PLAYS[one.scenario].title}`,
    ...(one.happened === 0 ? [`  its callers were told: ${[...new Set(one.told)].join("; ")}`] : []),
  ]);
  const never = scenarios.some(({ happened }) => happened === 0);
  const hint = `The tool must send to \`call.url\`, with \`call.reference\` as it is in the path or as a value in the body.`;
  return [
    head,
    ...lines,
    ...(unnamed > 0 ? [`✘ ${unnamed} effects say no reference, so nobody can tell what they belong to.`] : []),
    ...(never || unnamed > 0 ? [hint] : []),
  ].join("\n");
}

function mark(happened: number | null): string {
  return happened === null ? "-" : happened === 1 ? "✔" : "✘";
}

function times(happened: number | null): string {
  switch (happened) {
    case null:
      return "not run";
    case 0:
      return "never";
    case 1:
      return "once";
    default:
      return `${happened} times`;
  }
}
