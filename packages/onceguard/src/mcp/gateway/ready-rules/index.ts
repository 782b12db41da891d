import type { ReadyRules } from "./ready-rules.ts";

/** Rules for well-known servers, by the name that `--rules` takes. */
export const READY_RULES: Readonly<Record<string, ReadyRules>> = {};
