export { effectContext } from "../effect-context.ts";
export type { JobHandler, JobOptions, JobRule } from "../guarded-job.ts";
export { type Boss, type BossJob, guardedWork, type WorkOptions } from "./guarded-work.ts";
