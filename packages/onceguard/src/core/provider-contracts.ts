import type { ProviderContract } from "./provider-contract.ts";
import { CLOUD } from "./provider-contracts-cloud.ts";
import { MESSAGES } from "./provider-contracts-messages.ts";
import { MODELS } from "./provider-contracts-models.ts";
import { PAYMENTS } from "./provider-contracts-payments.ts";
import { QUEUES } from "./provider-contracts-queues.ts";
import { RECORDS } from "./provider-contracts-records.ts";
import { TRADING } from "./provider-contracts-trading.ts";

/**
 * The catalogue, sorted by kind. An entry says only what its source says: when it is corrected, a lifetime may become
 * shorter at once, and longer only with the new source.
 */
export const PROVIDERS: readonly ProviderContract[] = [
  ...PAYMENTS,
  ...TRADING,
  ...MESSAGES,
  ...RECORDS,
  ...QUEUES,
  ...CLOUD,
  ...MODELS,
];
