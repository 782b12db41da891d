import type { Info } from "@temporalio/activity";
import { MockActivityEnvironment } from "@temporalio/testing";

const nothing = () => undefined;
const logger = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Temporal's own environment for tests, without its words. */
export function environmentOf(info: Partial<Info> = {}): MockActivityEnvironment {
  return new MockActivityEnvironment(info, { logger });
}
