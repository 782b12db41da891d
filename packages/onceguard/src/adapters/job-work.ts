import type { ActionDefinition } from "../core/action.ts";
import type { JobHandler, JobOptions, JobRule, JobWork } from "./guarded-job.ts";

/** An action, as an adapter's user gives it: whatever its payload is, is between it and its schema. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type JobAction<Input, Result> = ActionDefinition<string, Input, any, Result>;

/** The two forms in which an adapter's user gives the work: an action and options, or a handler and its rule. */
export function jobWork<Payload, Result, Job>(
  work: JobAction<Payload, Result> | JobHandler<Payload, Result, Job>,
  more: JobOptions<Job> | JobRule<Payload, Result, Job>,
): JobWork<Payload, Result, Job> {
  return typeof work === "function"
    ? { handler: work, rule: more as JobRule<Payload, Result, Job> }
    : { action: work, options: more as JobOptions<Job> };
}
