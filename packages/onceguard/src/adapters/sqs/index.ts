/** Amazon SQS: `onceguard/sqs`. The guide is docs/sqs-lambda.md. */
export { effectContext } from "../effect-context.ts";
export type { JobHandler, JobOptions, JobRule } from "../guarded-job.ts";
export type { Later, Never } from "../job-verdict.ts";
export { type GuardedMessage, guardMessage, type SqsOptions, type SqsQueue } from "./guard-message.ts";
