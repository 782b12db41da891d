/** AWS Lambda: `onceguard/lambda`. The guide is docs/sqs-lambda.md. */
export { effectContext } from "../effect-context.ts";
export type { JobHandler, JobOptions, JobRule } from "../guarded-job.ts";
export type { Later, Never } from "../job-verdict.ts";
export { type GuardedBatch, guardBatch, type LambdaContext, type LambdaOptions } from "./guard-batch.ts";
export type { DynamoDbRecord, KinesisRecord, LambdaRecord, SqsRecord } from "./records.ts";
