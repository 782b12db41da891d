import type { DedupOptions } from "../core/action.ts";
import type { Duration } from "../core/duration.ts";
import type { JsonValue } from "../core/json.ts";
import type { RiskTier } from "../core/policy.ts";

/** What every entry of a config can say of its action, whatever it does. */
export interface DescribedEntry {
  readonly name: string;
  readonly riskTier?: RiskTier;
  /** Part of what an approval is bound to. Default "1". */
  readonly version?: string;
  readonly keyFields?: readonly string[];
  /** The business record touched, such as `order:{orderId}`. */
  readonly record?: string;
  readonly serialize?: boolean;
  readonly dedupWindow?: Duration | "none" | DedupOptions;
  /** The field that says what the effect is worth, in whole smallest units (cents). */
  readonly amount?: string;
  readonly volatile?: readonly string[];
  /** The other side dedupes by the idempotency key: for how long, or as which provider of the catalogue. */
  readonly downstreamKey?:
    | { readonly lifetime: Duration; readonly margin?: Duration }
    | { readonly provider: string; readonly lifetime?: Duration; readonly margin?: Duration };
  /** Fields that are not to be written, or only encrypted; and whose they are, such as `customer:{customerId}`. */
  readonly privacy?: {
    readonly redact?: readonly string[];
    readonly encrypt?: readonly string[] | "all";
    readonly subject?: string;
  };
  readonly settleDelay?: Duration;
  readonly timeout?: Duration;
  readonly retry?: {
    readonly maxAttempts?: number;
    readonly maxElapsed?: Duration;
    readonly base?: Duration;
    readonly cap?: Duration;
  };
}

/**
 * A call of an HTTP API. In `url` and in texts, `{field}` is filled from the payload; `{idempotencyKey}` and
 * `{requestId}` from the request. `${NAME}` comes from the environment, and only from the config.
 */
export interface HttpEntry extends DescribedEntry {
  readonly kind: "http";
  /** Default POST. */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Fields in its path and query only, percent-encoded: no payload can change the host. */
  readonly url: string;
  /** As they are: nothing of the payload gets into a header. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The JSON body. `"{field}"` as a whole value keeps its type; `"{field?}"` may be absent. Default: the whole payload. */
  readonly body?: JsonValue;
  /** Carries the idempotency key, on every attempt the same. */
  readonly idempotencyHeader?: string;
  /** HTTP statuses by which this API says "not done", beyond 400, 401, 402, 403, 404, 405, 409, 410, 412, 413, 415, 422, 429. */
  readonly noEffectOn?: readonly number[];
  /** Most of an answer that is kept, in bytes. Default 1 MiB. */
  readonly maxResponseBytes?: number;
  readonly probe?: HttpProbeEntry;
}

/** The read-only question whether it happened. */
export interface HttpProbeEntry {
  /** Default GET. POST only for a search that changes nothing. */
  readonly method?: "GET" | "HEAD" | "POST";
  readonly url: string;
  /** Default: the action's. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: JsonValue;
  /** It happened when there is something at this path of the JSON answer: `items[0].id`, `order.refunded`. */
  readonly happenedWhen: string;
  /** Statuses that mean "no such thing": did not happen. Default none, since a wrong address answers 404, too. */
  readonly didNotHappenOn?: readonly number[];
}

/** A tool of an upstream MCP server, which `servers` says how to start. */
export interface McpEntry extends DescribedEntry {
  readonly kind: "mcp";
  readonly server: string;
  readonly tool: string;
  /** Default: the whole payload. */
  readonly arguments?: JsonValue;
  /** The argument that carries the idempotency key. */
  readonly idempotencyArgument?: string;
  /** This tool's error results certainly mean that nothing was done. Default false: an error leaves the question open. */
  readonly noEffectOnError?: boolean;
  readonly probe?: {
    readonly tool: string;
    readonly arguments?: JsonValue;
    /** A path in the structured result, or in the JSON of the text result. */
    readonly happenedWhen: string;
  };
}

/** An effect that the host performs itself, between `claim` and `complete`. */
export interface ExternalEntry extends DescribedEntry {
  readonly kind: "external";
  /** Fields that a payload must have. */
  readonly fields?: readonly string[];
}

/** How to start an upstream MCP server. */
export interface ServerEntry {
  readonly command: string;
  readonly args?: readonly string[];
  /** Beside PATH, HOME and the like; nothing else of the environment is handed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Relative to the config file. Default: its folder. */
  readonly cwd?: string;
}
