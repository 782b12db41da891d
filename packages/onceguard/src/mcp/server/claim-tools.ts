import type { GuardTool } from "./tool.ts";

/** For effects that the host performs itself. */
export const claimTools: readonly GuardTool[] = [];
