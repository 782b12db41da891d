import type { AnyOperation } from "../operation.ts";
import { logging } from "./action-log.ts";
import { cases } from "./cases.ts";
import { sealing } from "./checkpoints.ts";
import { claims } from "./claims.ts";
import { configuration } from "./configuration.ts";
import { streaming } from "./events.ts";
import { execute } from "./execute.ts";
import { halting } from "./halts.ts";
import { measuring } from "./metrics.ts";
import { overviews } from "./overview.ts";
import { proposals } from "./proposals.ts";
import { reading } from "./receipts.ts";
import { deciding } from "./reviews.ts";
import { runs } from "./runs.ts";
import { safeagent } from "./safeagent.ts";

/**
 * All that the API does. An operation that is added here is served, checked, documented in /openapi.json and part of the
 * test of which role may what.
 */
export const OPERATIONS: readonly AnyOperation[] = [
  execute,
  ...proposals,
  ...claims,
  ...reading,
  ...deciding,
  ...cases,
  ...halting,
  ...logging,
  ...sealing,
  ...streaming,
  ...measuring,
  ...overviews,
  ...runs,
  ...configuration,
  ...safeagent,
];
