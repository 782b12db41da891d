/** Kafka, by kafkajs: `onceguard/kafka`. The guide is docs/kafka.md. */
export { effectContext } from "../effect-context.ts";
export type { JobHandler, JobOptions, JobRule } from "../guarded-job.ts";
export type { Never } from "../job-verdict.ts";
export { type GuardedConsumer, guardConsumer, type KafkaJob, type KafkaOptions } from "./guard-consumer.ts";
