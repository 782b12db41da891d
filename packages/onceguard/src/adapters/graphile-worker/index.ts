export { effectContext } from "../effect-context.ts";
export type { JobHandler, JobOptions, JobRule } from "../guarded-job.ts";
export { type GuardedTask, guardTask, type SchemaOption, type TaskHelpers } from "./guard-task.ts";
