import type { HttpCommandOptions } from "../../http-options.ts";
import type { CommonOptions } from "../../session.ts";

/** What `onceguard mcp` takes. */
export interface McpOptions extends CommonOptions, HttpCommandOptions {
  readonly http?: string | true;
  readonly tenant: string;
  readonly actor?: string;
  readonly operator?: boolean;
  readonly approvals: string;
  readonly reviewUrl?: string;
  readonly answerWithin: string | number;
  readonly grace: string | number;
  readonly quiet?: boolean;
}
