import type { JudgedResult } from "../findings.ts";
import { runSide, type Stage } from "../run-scenario.ts";
import { SCENARIOS } from "../scenarios.ts";
import { problemsOf } from "../verdict.ts";
import type { Happening } from "./happening.ts";
import { witness } from "./witness.ts";

export interface Recorded {
  readonly results: readonly JudgedResult[];
  readonly happenings: readonly Happening[];
}

/** Plays all scenarios with a witness, both sides at once, so that a replay shows them side by side as they were. */
export async function recordScenarios(stage: Stage, step: (title: string) => void): Promise<Recorded> {
  const sight = witness(stage, () => undefined);
  try {
    const results: JudgedResult[] = [];
    for (const scenario of SCENARIOS) {
      step(scenario.title);
      const invoice = `INV-${stage.runId}-${scenario.id}`;
      sight.begin({ scenario, invoice });
      const [unguarded, guarded] = await Promise.all([
        runSide(sight.stage, scenario, invoice, "unguarded"),
        runSide(sight.stage, scenario, invoice, "guarded"),
      ]);
      const result = { scenario, invoice, unguarded, guarded };
      const judged = { ...result, problems: problemsOf(result) };
      await sight.settle(judged.problems);
      results.push(judged);
    }
    return { results, happenings: sight.happenings };
  } finally {
    sight.close();
  }
}
