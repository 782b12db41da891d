import type { Duration } from "../core/duration.ts";
import type { JsonValue } from "../core/json.ts";
import type { DescribedEntry } from "./entries.ts";

/** What the operator says of one tool of an upstream server. */
export interface ToolRule extends Omit<DescribedEntry, "name"> {
  /** A person must approve each call; a text says why they are asked. Default false. */
  readonly approval?: boolean | string;
  /**
   * How long a call with the same arguments counts as the same intent, where nothing better names it. Default 24 h.
   */
  readonly window?: Duration;
  /**
   * The window also ends with the next effect on the same `record`: what comes after that is meant again (write A, write B,
   * write A). For tools that set a state; never for one that adds, such as a payment. Default false.
   */
  readonly untilChanged?: boolean;
  /** The argument that carries the guard's idempotency key to the server. */
  readonly idempotencyArgument?: string;
  /** This tool's error results certainly mean that nothing was done. Default false: an error leaves the question open. */
  readonly noEffectOnError?: boolean;
  /** A regular expression: an error result with such words means that nothing was done. */
  readonly noEffectWhen?: string;
  /** A regular expression: a result with such words is an error result, though the server does not mark it as one. */
  readonly failedWhen?: string;
  /** Asks another tool of the same server whether it happened. */
  readonly probe?: {
    readonly tool: string;
    /** Default: the arguments of the call. `{field}` is filled from them. */
    readonly arguments?: JsonValue;
    /** It happened when there is something at this path of the structured result, or of the JSON in the text result. */
    readonly happenedWhen: string;
  };
}

/** Rules by tool name; a name may end in `*`. The exact name wins, then the longest beginning. */
export type ToolRules = Readonly<Record<string, ToolRule>>;

/** `gateway` in a config file. */
export interface GatewayConfig {
  /** The servers, by the name that the operator gives them, whose tool annotations are believed. */
  readonly trusted?: readonly string[];
  /** Rules for tools, whatever the server. */
  readonly tools?: ToolRules;
  /** Rules for the tools of one server, by its name. They go before `tools`. */
  readonly servers?: Readonly<Record<string, { readonly tools: ToolRules }>>;
}
