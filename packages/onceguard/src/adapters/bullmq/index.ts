export { effectContext } from "../effect-context.ts";
export type { JobHandler, JobOptions, JobRule } from "../guarded-job.ts";
export { type GuardedProcessor, guardProcessor, type QueueJob } from "./guard-processor.ts";
