import type { ActionOptions, CallContext } from "../core/action.ts";
import type { Duration } from "../core/duration.ts";
import type { JsonValue } from "../core/json.ts";

/** A request as it is recorded and sent: without what is secret in its headers. */
export interface FetchPayload {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The value of a JSON body, the text of another; null for none. */
  readonly body: JsonValue;
  /** `base64`: the body is no text. */
  readonly encoding?: "base64";
  /** It was sent with credentials, which are not recorded. */
  readonly credentials?: true;
}

/** What became of it in the outside world, asked by a GET. */
export interface FetchProbe {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** It happened when there is something at this path of the JSON answer: `data[0].id`. */
  readonly happenedWhen: string;
  /** Statuses that mean "no such thing". Default none, since a wrong address answers 404, too. */
  readonly didNotHappenOn?: readonly number[];
}

type Shared = Pick<
  ActionOptions<string, unknown, FetchPayload, unknown>,
  | "riskTier"
  | "version"
  | "record"
  | "serialize"
  | "dedupWindow"
  | "amount"
  | "keyFields"
  | "key"
  | "volatile"
  | "settleDelay"
  | "timeout"
  | "retry"
  | "noEffectOn"
>;

/**
 * Which requests are one action, and what names their effect: `keyFields` such as `body.order_id` and `url`, or `key`. The
 * other options are those of `defineAction`.
 */
export interface FetchRule extends Shared {
  readonly name: string;
  /** Default: POST, PUT, PATCH and DELETE. */
  readonly method?: string | readonly string[];
  /** An address without its query, in which `*` stands for one step of the path; or a test. */
  readonly url: string | RegExp | ((url: URL) => boolean);
  /** A provider of the catalogue: its key is sent where it wants it, and decides how long a re-send is safe. */
  readonly provider?: string;
  /** For an API that is not in the catalogue: the header that carries the key ... */
  readonly idempotencyHeader?: string;
  /** ... and how long the other side dedupes by it. */
  readonly downstreamKey?: { readonly lifetime: Duration; readonly margin?: Duration };
  /** Headers that are added to every send, and never recorded: credentials, for what a sweeper carries on. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  readonly probe?: (
    payload: FetchPayload,
    ids: { readonly idempotencyKey: string; readonly requestId: string },
  ) => FetchProbe;
}

/** Which outbound requests are guarded, and how. */
export interface GuardedFetchOptions {
  // biome-ignore lint/suspicious/noExplicitAny: a guard of whatever actions; the rules' are added to them
  readonly guard: import("../pipeline/guard.ts").Guard<any>;
  /** The first that fits counts. */
  readonly rules: readonly FetchRule[];
  /**
   * A POST, PUT, PATCH or DELETE that no rule fits: `refuse` (default) sends nothing and throws; `pass` sends it as it is.
   */
  readonly unmatched?: "refuse" | "pass";
  /** Tenant, run and actor of a request. */
  readonly context?: (request: Request) => Pick<CallContext, "tenant" | "runId" | "actor" | "wait">;
  /** What really sends. Default: the global fetch. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** Most of an answer that is kept, in bytes. Default 512 KiB; the caller of the first send gets all of it. */
  readonly maxAnswerBytes?: number;
}
