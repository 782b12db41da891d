/** Restate: `onceguard/restate`. The guide is docs/restate.md. */
export { effectContext } from "../effect-context.ts";
export type { JobHandler, JobOptions, JobRule } from "../guarded-job.ts";
export { type GuardedRun, guardRun, type RestateOptions } from "./guard-run.ts";
