/** Temporal: `onceguard/temporal`. The guide is docs/temporal.md. */
export { effectContext } from "../effect-context.ts";
export type { JobHandler, JobOptions, JobRule } from "../guarded-job.ts";
export { type GuardedActivity, guardActivity } from "./guard-activity.ts";
