/** Submit, pay, send and delete in a page under a guard, with Playwright: `onceguard/playwright`. */
import type { Outcome } from "../../core/outcome.ts";
import { type ModelAnswer, modelAnswer } from "../model-answer.ts";

export { effectContext } from "../effect-context.ts";
export type { ModelAnswer, NotDone } from "../model-answer.ts";
export { isNotDone } from "../model-answer.ts";
export type { EvidenceOptions, Screenshot } from "./evidence.ts";
export type { EffectRequest } from "./gate.ts";
export { guardStep } from "./guard-step.ts";
export type { PageLike, UrlMatch } from "./page-like.ts";
export type { Answer, SentBy } from "./send.ts";
export type { Step, StepRule } from "./step.ts";

/** What a model is told of a step: its result, or in words why there is none and what to do now. */
export function stepAnswer<Result>(outcome: Outcome<Result>): ModelAnswer<Result> {
  return modelAnswer(outcome, { goesOnAlone: false, sameCallAsks: true, keyArgument: null });
}
