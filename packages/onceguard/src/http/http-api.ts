import type { AnyAction } from "../core/action.ts";
import { type Duration, durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Guard } from "../pipeline/guard.ts";
import { ChangeFeed } from "./change-feed.ts";
import type { Configured } from "./configured.ts";
import type { Door } from "./door.ts";
import type { KeyReader } from "./keys/api-key.ts";
import { checkedLimits, type HttpLimits } from "./limits.ts";
import { Metrics } from "./metrics.ts";
import type { Service } from "./operation.ts";
import { type Principal, ROLES } from "./principal.ts";
import type { SealedSource } from "./sealed.ts";
import type { ApiSetup } from "./setup.ts";
import { Tallies } from "./tally.ts";

/** Options of `httpApi`. */
export interface HttpApiOptions extends Door {
  // biome-ignore lint/suspicious/noExplicitAny: a guard of whatever actions; the names of calls are known at run time only
  readonly guard: Guard<any>;
  /** The guard's actions, for GET /v1/actions. */
  readonly actions: readonly AnyAction[];
  /** Effects that callers perform themselves, between `claim` and `complete`; made by `externalAction`. */
  readonly external?: readonly AnyAction[];
  /** Who may call. One of `keys`, `principal` and `open` is needed. */
  readonly keys?: KeyReader;
  /** Who calls, by whatever means the server has that this is mounted in. Null: nobody who may. */
  readonly principal?: (request: Request) => Principal | null | Promise<Principal | null>;
  /** Everybody who reaches it may do everything, as tenant `default`. */
  readonly open?: boolean;
  readonly limits?: Partial<HttpLimits>;
  /** Longest time until a call is answered; what it does goes on. Default 50 s: proxies give up after 60. */
  readonly answerWithin?: Duration;
  /** How often event streams look at the store. Default 1 s. */
  readonly eventsEvery?: Duration;
  /** How often a stream says that it is there, and its key is looked at again. Default 15 s. */
  readonly heartbeat?: Duration;
  /** At least 32 characters, the same in every process: settling over SafeAgent's routes then needs the claim's token. */
  readonly settlementSecret?: string;
  /** The sealed log, for checkpoints and exports: `sealedReceipts` of `onceguard/seal`. Default: none, and both answer 501. */
  readonly sealed?: SealedSource;
  /** How the guard is configured, for `/v1/policies` and `/v1/checklist`. Default: unknown, and the checklist answers 501. */
  readonly configured?: Configured;
  /** Serves the console, static pages that use this API, at `/console/`. Default false. */
  readonly console?: boolean;
  /** Where a trace is shown, with `{trace_id}` for its id: an address of http or https. Default: ids without a link. */
  readonly traceUrl?: string;
  /** Where it is mounted: `/guard`. Default: at the root. */
  readonly basePath?: string;
  readonly version?: string;
  /** Told what went wrong in here. Default: a process warning. */
  readonly report?: (error: unknown) => void;
  /** One line of JSON per request, without payloads, results or ids. Default: nowhere. */
  readonly log?: (line: string) => void;
}

/** The HTTP API as a handler of the web platform: for Node's server, for another framework, for a test. */
export interface HttpApi {
  fetch(request: Request): Promise<Response>;
  /** From now on `/readyz` says no, so that a balancer looks elsewhere; requests are taken all the same. */
  drain(): void;
  /** From now on it takes no new work, and says so; what runs goes on. */
  refuse(): void;
  /** Requests that run now, without event streams. */
  readonly running: number;
  /** Ends the event streams. Closes neither guard nor store, which were not made here. */
  close(): void;
}

/**
 * Makes the API of a guard. Needs `hono`.
 *
 * @throws OnceguardError `invalid_option`
 */
export async function httpApi(options: HttpApiOptions): Promise<HttpApi> {
  const setup = setupOf(options);
  const { guard, actions, external = [] } = options;
  const report = setup.report;
  let [draining, refusing] = [false, false];
  const service: Service = {
    guard,
    actions: byName(actions),
    external: byName(external),
    claims: guard.external(external),
    changes: new ChangeFeed(guard, durationMs(options.eventsEvery ?? "1s", "eventsEvery"), report),
    streams: new Set(),
    heartbeatMs: durationMs(options.heartbeat ?? "15s", "heartbeat"),
    metrics: new Metrics(),
    tallies: new Tallies(guard, report),
    configured: options.configured ?? null,
    traceUrl: traceUrlOf(options),
    version: setup.version,
    isOpen: setup.principal === null,
    settlementSecret: settlementSecretOf(options),
    sealed: options.sealed ?? null,
    answerWithinMs: durationMs(options.answerWithin ?? "50s", "answerWithin"),
    isDraining: () => draining,
    isRefusing: () => refusing,
    mayStill: async (request, principal) => {
      if (setup.principal === null) return true;
      const now = await setup.principal(request);
      return (
        now !== null && now.tenant === principal.tenant && principal.roles.every((role) => now.roles.includes(role))
      );
    },
  };
  const { createApp } = await import("./app.ts");
  const { app, turnstile } = createApp(setup, service);
  return {
    fetch: async (request) => app.fetch(request),
    drain: () => {
      draining = true;
    },
    refuse: () => {
      [draining, refusing] = [true, true];
    },
    get running() {
      return turnstile.running;
    },
    close: () => {
      [draining, refusing] = [true, true];
      for (const end of [...service.streams]) end();
      service.changes.close();
    },
  };
}

function setupOf(options: HttpApiOptions): ApiSetup {
  const { keys, principal, open = false, basePath = "", allowedHosts, allowedOrigins } = options;
  if ([keys !== undefined, principal !== undefined, open].filter(Boolean).length !== 1) {
    throw invalid("keys", "Say who may call: give exactly one of `keys`, `principal` and `open: true`.");
  }
  if (basePath !== "" && !/^(?:\/[\w.-]+)+$/.test(basePath)) {
    throw invalid("basePath", `basePath is ${JSON.stringify(basePath)}; it must be like "/guard".`);
  }
  return {
    principal: keys ? (request) => byKey(keys, request) : principal ? async (request) => principal(request) : null,
    anonymous: { tenant: "default", name: "http", roles: ROLES, keyId: null },
    limits: checkedLimits(options.limits ?? {}),
    basePath,
    console: options.console ?? false,
    version: options.version ?? "0",
    report: options.report ?? ((error) => process.emitWarning(error as Error)),
    log: options.log,
    lastLook: null,
    ...(allowedHosts && { allowedHosts: allowedHosts.map((one) => one.toLowerCase()) }),
    ...(allowedOrigins && { allowedOrigins }),
  };
}

function settlementSecretOf({ settlementSecret = null }: { readonly settlementSecret?: string | null }): string | null {
  if (settlementSecret === null || settlementSecret.length >= 32) return settlementSecret;
  throw invalid("settlementSecret", "settlementSecret must have at least 32 characters.");
}

/** It becomes a link: nothing that would run as a script. */
function traceUrlOf({ traceUrl = null }: { readonly traceUrl?: string | null }): string | null {
  if (traceUrl === null || (/^https?:\/\//.test(traceUrl) && traceUrl.includes("{trace_id}"))) return traceUrl;
  throw invalid("traceUrl", 'traceUrl must be like "https://traces.example/{trace_id}".');
}

async function byKey(keys: KeyReader, { headers }: Request): Promise<Principal | null> {
  // The second is that of SafeAgent's clients.
  const given = headers.get("authorization") ?? `Bearer ${headers.get("x-safeagent-api-key") ?? ""}`;
  const key = /^Bearer +([\w.~+/=-]{1,512})$/i.exec(given)?.[1];
  return key === undefined ? null : keys(key);
}

function byName(actions: readonly AnyAction[]): ReadonlyMap<string, AnyAction> {
  return new Map(actions.map((action) => [action.name, action]));
}

function invalid(option: string, message: string): OnceguardError {
  return new OnceguardError("invalid_option", message, { option });
}
