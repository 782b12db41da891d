import {
  addSignal,
  DEFAULT_FINALITY_POLICY,
  evaluate,
  type FinalityCase,
  type FinalityPolicy,
  type FinalityState,
  finalizeByPerson,
  openCase,
  settle,
} from "../../../packages/onceguard/src/core/finality.ts";
import { type Graph, graphDiagram } from "./graph.ts";
import type { Diagram, Tone } from "./svg.ts";

/** One step of a finality case, as the code has made it. */
export interface FinalityStep {
  readonly from: FinalityState;
  readonly on: string;
  readonly to: FinalityState;
}

/** A heavy and a light source: so that one can outweigh the other, and a disagreement can still be decided. */
const POLICY: FinalityPolicy = { ...DEFAULT_FINALITY_POLICY, challengeWindowMs: 10, weights: { heavy: 9, light: 1 } };

/** What can be done to a case, by name; null where it is refused. */
const MOVES: readonly (readonly [name: string, apply: (finalityCase: FinalityCase) => FinalityCase | null])[] = [
  ...["heavy", "light"].flatMap((source) =>
    ["ann", "bob"].flatMap((outcome) =>
      [0.5, 1].map(
        (confidence) =>
          [
            "signal",
            (now: FinalityCase) => {
              const at = now.signals.length + now.late.length + 1;
              const signal = { id: `${source}-${outcome}-${confidence}-${at}`, source, outcome, confidence, at };
              return addSignal(now, signal, POLICY).case;
            },
          ] as const,
      ),
    ),
  ),
  ["evaluate", (now) => evaluate(now, POLICY, 0)],
  ["evaluate", (now) => evaluate(now, POLICY, 10)],
  [
    "finalize",
    (now) => {
      const choice = { outcome: "ann", actor: "ada", reason: "seen" };
      const answer = finalizeByPerson(now, choice, 0);
      return answer.ok ? answer.case : null;
    },
  ],
  [
    "settle",
    (now) => {
      const answer = settle(now, "request");
      return answer.ok ? answer.case : null;
    },
  ],
];

const DEPTH = 4;

/** core/finality.ts has no table: it is asked, with every sequence of a few moves, where each leads. */
export function finalitySteps(): readonly FinalityStep[] {
  const steps = new Map<string, FinalityStep>();
  const seen = new Set<string>();
  let cases: readonly FinalityCase[] = [openCase("case")];
  for (let depth = 0; depth < DEPTH; depth++) {
    const next: FinalityCase[] = [];
    for (const now of cases) {
      for (const [on, apply] of MOVES) {
        const then = apply(now);
        if (then === null) continue;
        if (then.state !== now.state) {
          steps.set(`${now.state} ${on} ${then.state}`, { from: now.state, on, to: then.state });
        }
        const key = JSON.stringify(then);
        if (!seen.has(key)) next.push(then);
        seen.add(key);
      }
    }
    cases = next;
  }
  return [...steps.values()];
}

const TONES: Readonly<Record<FinalityState, Tone>> = {
  OPEN: "over",
  RESOLVED_PROVISIONAL: "moving",
  IN_RECONCILIATION: "doubt",
  FINAL: "good",
  SETTLED: "good",
};

const AT: Readonly<Record<FinalityState, readonly [number, number]>> = {
  OPEN: [0, 0.5],
  RESOLVED_PROVISIONAL: [1, 0],
  IN_RECONCILIATION: [1, 1],
  FINAL: [2, 0.5],
  SETTLED: [3, 0.5],
};

export function finalityGraph(): Graph {
  const steps = finalitySteps();
  const byWay = Map.groupBy(steps, ({ from, to }) => `${from} ${to}`);
  const arrows = [...byWay.values()].map((same) => ({
    from: same[0]?.from ?? "",
    to: same[0]?.to ?? "",
    labels: same.map(({ on }) => on).sort(),
  }));
  return {
    name: "finality",
    title: "A finality case",
    description: `${steps
      .map(({ from, on, to }) => `${on} leads from ${from} to ${to}`)
      .join("; ")}. Nothing leads away from SETTLED, and from FINAL only to SETTLED.`,
    places: (Object.keys(AT) as FinalityState[]).map((name) => ({
      name,
      tone: TONES[name],
      column: AT[name][0],
      row: AT[name][1],
    })),
    arrows,
    step: [250, 150],
  };
}

export function finalityDiagram(): Diagram {
  return graphDiagram(finalityGraph());
}
