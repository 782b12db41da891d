export { effectContext } from "../effect-context.ts";
export type { JobHandler, JobOptions, JobRule } from "../guarded-job.ts";
export { type DbosLike, guardStep, type StepOptions } from "./guard-step.ts";
