import type { ToolRules } from "../../../kinds/gateway-entries.ts";

/** Rules for the tools of one well-known server. */
export interface ReadyRules {
  /** Where the server comes from. */
  readonly server: string;
  /** The version whose tool list these rules were held against. */
  readonly version: string;
  readonly tools: ToolRules;
}
