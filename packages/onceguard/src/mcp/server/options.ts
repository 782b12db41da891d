import type { AnyAction } from "../../core/action.ts";
import type { Duration } from "../../core/duration.ts";
import type { ExternalClaims } from "../../pipeline/external-claim.ts";
import type { Guard } from "../../pipeline/guard.ts";
import type { Principal } from "./principal.ts";

/** What an MCP server offers to its host. */
export interface McpServerOptions {
  // biome-ignore lint/suspicious/noExplicitAny: a guard of whatever actions; the names of calls are known at run time only
  readonly guard: Guard<any>;
  /** The guard's actions, for `list_actions`. */
  readonly actions: readonly AnyAction[];
  /** Effects that the host performs itself, between `claim` and `complete`; made by `externalAction`. */
  readonly external?: readonly AnyAction[];
  /** Who calls when the transport does not say. Default: tenant `default`, no operator. */
  readonly principal?: Partial<Principal>;
  /** Offer the tools by which an operator decides about requests. Default false. */
  readonly operator?: boolean;
  /** `host`: a person at the host is asked by elicitation, where the host can do that; `elsewhere`: never. Default `host`. */
  readonly approvals?: "host" | "elsewhere";
  /** Where a person decides, with `{request_id}` in it; told to the model, so that it can pass it on. */
  readonly reviewUrl?: string;
  /** Longest time until a call is answered, at most 50 s. Default 45 s. */
  readonly answerWithin?: Duration;
  /**
   * Signs what a client keeps between the rounds of an approval: at least 32 bytes. Several processes behind one address
   * need the same. Default: random, for the life of the process.
   */
  readonly stateKey?: string;
  /** One line per call, for a log. Never on stdout, which belongs to the protocol. Default: nowhere. */
  readonly log?: (line: string) => void;
  readonly version?: string;
}

/** What the tools are handed: the options with their defaults, and who calls. */
export interface ToolRuntime {
  readonly guard: Guard;
  readonly actions: ReadonlyMap<string, AnyAction>;
  readonly external: ReadonlyMap<string, AnyAction>;
  /** Null where nothing can be claimed. */
  readonly claims: ExternalClaims | null;
  readonly reviewUrl: string | null;
  readonly answerWithinMs: number;
  readonly principal: Principal;
}
