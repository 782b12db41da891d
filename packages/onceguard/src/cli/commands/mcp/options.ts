import type { CommonOptions } from "../../session.ts";

/** What `onceguard mcp` takes. */
export interface McpOptions extends CommonOptions {
  readonly http?: string | true;
  readonly tenant: string;
  readonly actor?: string;
  readonly operator?: boolean;
  readonly approvals: string;
  readonly reviewUrl?: string;
  readonly answerWithin: string | number;
  readonly grace: string | number;
  readonly quiet?: boolean;
  readonly tokens?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly tenantClaim: string;
  readonly allowHost?: readonly string[];
  readonly allowOrigin?: readonly string[];
}
