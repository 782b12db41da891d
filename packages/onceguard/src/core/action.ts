import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { CallerCause } from "./attribution.ts";
import type { Duration } from "./duration.ts";
import { durationMs } from "./duration.ts";
import { OnceguardError } from "./errors.ts";
import type { Classify } from "./failure.ts";
import type { JsonValue } from "./json.ts";
import { RISK_TIERS, type RiskTier, tierDemands } from "./policy.ts";
import { checkPrivacy, type Privacy, type PrivacyOptions } from "./privacy.ts";
import type { ProviderContract } from "./provider-contract.ts";
import type { Capability, Expected } from "./receipt.ts";
import type { KeySource } from "./request-id.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";

/** What `execute` and `probe` are told about the request besides its payload. */
export interface EffectContext {
  readonly tenant: string;
  readonly requestId: string;
  /** Send this downstream wherever the other side takes one: at most 36 characters, the same on every attempt. */
  readonly idempotencyKey: string;
  /** Fires when the claim is lost, the attempt times out, or the guard shuts down. Pass it on. */
  readonly signal: AbortSignal;
  /** From 1. */
  readonly attemptNumber: number;
  readonly fencingToken: number;
  readonly recordId: string | null;
  readonly runId: string | null;
  /** With `transaction: true`: the database transaction that claim, effect and receipt share. Otherwise undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: the client, database or handle of whatever library the caller uses
  readonly tx?: any;
}

/** What `after` is told besides: what the effect returned. Undefined when the record is read for a correction. */
export interface AfterContext<Result> extends EffectContext {
  readonly result: Result | undefined;
}

/** What the outside world says when it is asked whether the effect happened. */
export type ProbeAnswer<Result> =
  | { readonly answer: "happened"; readonly result?: Result }
  | { readonly answer: "did_not_happen" }
  | { readonly answer: "cannot_tell" };

/** A Standard Schema: zod, valibot, arktype and others. */
export type Schema<Input = unknown, Output = unknown> = StandardSchemaV1<Input, Output>;

/** What `defineAction` takes. */
export interface ActionOptions<Name extends string, Input, Payload, Result> {
  /** Letters, digits, `_`, `-`, `.`, `:`, `/`; part of the identity of every request. */
  readonly name: Name;
  /** Default `irreversible`. */
  readonly riskTier?: RiskTier;
  /** Validates and shapes the payload; mandatory for `irreversible`. What it returns is what is hashed and executed. */
  readonly input?: Schema<Input, Payload>;
  /** Part of what an approval is bound to: consent to one version is none to the next. Default "1". */
  readonly version?: string;
  /** The business record touched, such as `order:A1`. */
  readonly record?: (payload: Payload) => string;
  /** One request at a time on its record, in order of arrival, across all actions that say so. Needs `record`. */
  readonly serialize?: boolean;
  /**
   * The loop filter: how long an effect on a record blocks another request of this action on it, under whatever id.
   * `"none"`: not at all. Default 24 h where the identity is a host's call id or the content, otherwise none. Needs `record`.
   */
  readonly dedupWindow?: Duration | "none" | DedupOptions;
  /** What the effect is worth, in whole smallest units (cents); budgets and rules look at it. */
  readonly amount?: (payload: Payload) => number;
  /** Binds the action to a finality case: it is held until the case is FINAL with that outcome (default: any), then runs. */
  readonly case?: (payload: Payload) => { readonly id: string; readonly outcome?: string };
  /**
   * Looked at before anything is sent, with what `before` read: false, or a text that says what is off, makes it a
   * `conflict` for a person. For an expected version or state of the record.
   */
  readonly expect?: (payload: Payload, before: unknown) => boolean | string;
  /** The business key: fields (`orderId`, `customer.id`, `items[].sku`) that name the intended effect. Never prose. */
  readonly keyFields?: readonly string[];
  /** The business key by code, where fields are not enough. */
  readonly key?: (payload: Payload) => readonly (string | number | boolean)[];
  /** Fields that hold prose: not in the fingerprint, and drift in them is recorded. */
  readonly volatile?: readonly string[];
  /** The other side dedupes by idempotency key, for this long after the first send. `margin` (default 10 %) is kept clear. */
  readonly downstreamKey?: DownstreamKey;
  /** Asks the outside world whether the effect happened. Must be read-only. */
  readonly probe?: (payload: Payload, context: EffectContext) => Promise<ProbeAnswer<Result>> | ProbeAnswer<Result>;
  /**
   * How far the probe's reads lag behind writes; "did not happen" counts only this long after the attempt. Default: the
   * lookup lag of the provider's contract, otherwise 0.
   */
  readonly settleDelay?: Duration;
  /** Longest time for one attempt; past it the outcome is in doubt. Default 60 s. `probe` has the same limit. */
  readonly timeout?: Duration;
  readonly retry?: {
    readonly maxAttempts?: number;
    readonly maxElapsed?: Duration;
    readonly base?: Duration;
    readonly cap?: Duration;
  };
  /** HTTP statuses by which this action's other side says "not done", beyond the defaults (see failure.ts). */
  readonly noEffectOn?: readonly number[];
  /** Tells what an error of this action means; undefined leaves it to the built-in classifier. */
  readonly classify?: Classify;
  /**
   * Writes a mark before every dispatch, so that a crash before it is known to have sent nothing and may run again. One
   * more commit per attempt. Default false.
   */
  readonly preciseDispatch?: boolean;
  /**
   * The effect writes the store's own database: claim, effect and receipt are one commit. `execute` finds the
   * transaction in `ctx.tx` and must write through nothing else. Default false.
   */
  readonly transaction?: boolean;
  /**
   * Reads the record before anything is sent: for `expect`, and for the action log, where it is kept before the effect
   * is. Must be read-only. Read what a correction has to put back, and nothing that changes by itself.
   */
  readonly before?: (payload: Payload, context: EffectContext) => unknown;
  /**
   * Reads the record after a success, for the action log; a correction goes ahead only where the record still is like
   * that. Must be read-only. Default: `before` once more, where there is a `compensate`.
   */
  readonly after?: (payload: Payload, context: AfterContext<Result>) => unknown;
  /** Undoes one effect: run by `correct`, once per request, as a guarded request of its own. */
  readonly compensate?: Compensate<Payload, Result> | CompensationOptions<Payload, Result>;
  /** Fields that are not to be written, or only encrypted. Default: everything is kept as it is. */
  readonly privacy?: PrivacyOptions<Payload>;
  /** Makes the one effect. What it returns is the result, kept as JSON. */
  readonly execute: (payload: Payload, context: EffectContext) => Promise<Result> | Result;
}

/** What `compensate` is told: the effect that is to be undone, and what the record was like around it. */
export interface CompensationContext<Result> extends EffectContext {
  /** The request whose effect is undone; `requestId` and `idempotencyKey` are the compensation's own. */
  readonly of: { readonly requestId: string; readonly idempotencyKey: string };
  readonly result: Result | undefined;
  /** As the action log has them. */
  // biome-ignore lint/suspicious/noExplicitAny: what the action's own `before` and `after` returned
  readonly before: any;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  readonly after: any;
}

export type Compensate<Payload, Result> = (payload: Payload, context: CompensationContext<Result>) => unknown;

/** How an effect is undone, where what settles the doubt about that is not what `before` and `after` read. */
export interface CompensationOptions<Payload, Result> {
  readonly execute: Compensate<Payload, Result>;
  /** The other side dedupes the compensation by its idempotency key. */
  readonly downstreamKey?: DownstreamKey;
  /** Whether the compensation happened. Default: the record is read, and is as it was before, or as it was after. */
  readonly probe?: (
    payload: Payload,
    context: CompensationContext<Result>,
  ) => Promise<ProbeAnswer<unknown>> | ProbeAnswer<unknown>;
}

/** The loop filter of one action (docs/control.md). */
export interface DedupOptions {
  readonly window: Duration;
  /** Requests allowed per window. Default 1. */
  readonly limit?: number;
  /** What becomes of one over the limit: skipped, or held for a person. Default `skip`. */
  readonly behaviour?: "skip" | "hold";
}

/** How the other side dedupes by key. `provider("stripe")` of `onceguard/providers` makes one from a provider's contract. */
export interface DownstreamKey {
  /** How long after the first send the key still dedupes. */
  readonly lifetime: Duration;
  /** Kept clear of its end. Default 10 % of it. */
  readonly margin?: Duration;
  readonly contract?: ProviderContract;
}

/** Every option there is: a misspelt one would otherwise weaken the guard without a word. */
const OPTIONS: Readonly<Record<keyof ActionOptions<string, unknown, unknown, unknown>, true>> = {
  name: true,
  riskTier: true,
  input: true,
  version: true,
  record: true,
  serialize: true,
  dedupWindow: true,
  amount: true,
  case: true,
  expect: true,
  preciseDispatch: true,
  transaction: true,
  keyFields: true,
  key: true,
  volatile: true,
  downstreamKey: true,
  probe: true,
  settleDelay: true,
  timeout: true,
  retry: true,
  noEffectOn: true,
  classify: true,
  before: true,
  after: true,
  compensate: true,
  privacy: true,
  execute: true,
};

/** A checked action with all defaults filled in; made by `defineAction`. */
export interface ActionDefinition<Name extends string = string, Input = unknown, Payload = unknown, Result = unknown> {
  readonly name: Name;
  readonly riskTier: RiskTier;
  readonly input: Schema<Input, Payload> | null;
  readonly version: string;
  readonly record: ((payload: Payload) => string) | null;
  readonly serialize: boolean;
  /** Null: the action does not say. */
  readonly dedup:
    | { readonly windowMs: number; readonly limit: number; readonly behaviour: "skip" | "hold" }
    | "none"
    | null;
  readonly amount: ((payload: Payload) => number) | null;
  readonly case: ((payload: Payload) => { readonly id: string; readonly outcome?: string }) | null;
  readonly expect: ((payload: Payload, before: unknown) => boolean | string) | null;
  readonly before: ((payload: Payload, context: EffectContext) => unknown) | null;
  // What they return and are told is the action's own business; Result would make the definition invariant in it.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly after: ((payload: Payload, context: AfterContext<any>) => unknown) | null;
  readonly compensate: {
    // biome-ignore lint/suspicious/noExplicitAny: see above
    readonly execute: Compensate<Payload, any>;
    readonly downstreamKey: ActionDefinition["downstreamKey"];
    // biome-ignore lint/suspicious/noExplicitAny: see above
    readonly probe: CompensationOptions<Payload, any>["probe"] | null;
  } | null;
  readonly privacy: Privacy | null;
  readonly preciseDispatch: boolean;
  readonly transaction: boolean;
  readonly keyFields: readonly string[] | null;
  readonly key: ((payload: Payload) => readonly (string | number | boolean)[]) | null;
  readonly volatile: readonly string[];
  readonly downstreamKey: {
    readonly lifetimeMs: number;
    readonly marginMs: number;
    /** The other side answers a repeated key with the error that it gave the first time. */
    readonly repeatsErrors: boolean;
    readonly provider: string | null;
  } | null;
  readonly probe:
    | ((payload: Payload, context: EffectContext) => Promise<ProbeAnswer<Result>> | ProbeAnswer<Result>)
    | null;
  readonly settleDelayMs: number;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly noEffectOn: readonly number[];
  readonly classify: Classify | undefined;
  readonly execute: (payload: Payload, context: EffectContext) => Promise<Result> | Result;
}

/** Any action, whatever its payload and result. */
// biome-ignore lint/suspicious/noExplicitAny: the payload stands in a parameter position, where unknown fits nothing
export type AnyAction = ActionDefinition<string, any, any, any>;

export const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * Checks an action once, where it is defined, so that a call can only fail for what the call itself says.
 *
 * @throws OnceguardError `invalid_action` | `schema_required` | `invalid_option`
 */
export function defineAction<const Name extends string, Result, Input = unknown, Payload = Input>(
  options: ActionOptions<Name, Input, Payload, Result>,
): ActionDefinition<Name, Input, Payload, Result> {
  const { name, riskTier = "irreversible", input, key, keyFields } = options;
  if (typeof name !== "string" || !/^[\w.:/-]{1,128}$/.test(name)) {
    invalid(name, "its name must be 1 to 128 letters, digits or _ - . : /");
  }
  const unknown = Object.keys(options).find((option) => !Object.hasOwn(OPTIONS, option));
  if (unknown !== undefined) {
    invalid(name, `"${unknown}" is no option of an action; there are ${Object.keys(OPTIONS).join(", ")}`);
  }
  if (!RISK_TIERS.includes(riskTier)) invalid(name, `riskTier must be one of ${RISK_TIERS.join(", ")}`);
  if (typeof options.execute !== "function") invalid(name, "execute must be a function");
  if (key && keyFields) invalid(name, "give either key or keyFields, not both");
  if (keyFields?.length === 0) invalid(name, "keyFields is empty; name the fields that tell one effect from another");
  const overlap = keyFields?.find((field) => options.volatile?.includes(field));
  if (overlap) invalid(name, `"${overlap}" is in keyFields and in volatile; prose never identifies an effect`);
  if (tierDemands(riskTier).schema && !input) {
    throw new OnceguardError(
      "schema_required",
      `Action "${name}" is irreversible and has no input schema. Give one (zod, valibot, arktype), or a lower riskTier.`,
      { action: name },
    );
  }
  if (input && typeof input["~standard"]?.validate !== "function") {
    invalid(name, "input must be a Standard Schema (zod 3.24+, valibot 1+, arktype 2+)");
  }
  const needsRecord = options.serialize ? "serialize" : dedups(options.dedupWindow) ? "dedupWindow" : null;
  if (needsRecord !== null && !options.record) invalid(name, `${needsRecord} needs record: what it is about`);
  if (options.expect && !options.before) invalid(name, "expect needs before: what it looks at has to be read");
  if (options.transaction) checkTransaction(name, options as never, riskTier);
  return {
    name,
    riskTier,
    input: input ?? null,
    version: options.version ?? "1",
    record: options.record ?? null,
    serialize: options.serialize ?? false,
    dedup: dedup(options.dedupWindow, name),
    amount: options.amount ?? null,
    case: options.case ?? null,
    expect: options.expect ?? null,
    before: options.before ?? null,
    after: options.after ?? (options.compensate && options.before) ?? null,
    compensate: compensation(options.compensate, name),
    privacy: checkPrivacy(options.privacy, name),
    preciseDispatch: options.preciseDispatch ?? false,
    transaction: options.transaction ?? false,
    keyFields: keyFields ?? null,
    key: key ?? null,
    volatile: options.volatile ?? [],
    downstreamKey: downstreamKey(options.downstreamKey, name),
    probe: options.probe ?? null,
    settleDelayMs: durationMs(options.settleDelay ?? lookupLag(options.downstreamKey), `${name}.settleDelay`),
    timeoutMs: durationMs(options.timeout ?? DEFAULT_TIMEOUT_MS, `${name}.timeout`),
    retry: retryPolicy(options.retry, name),
    noEffectOn: options.noEffectOn ?? [],
    classify: options.classify,
    execute: options.execute,
  };
}

function invalid(name: unknown, problem: string): never {
  throw new OnceguardError("invalid_action", `Action ${JSON.stringify(name)}: ${problem}.`, { action: name, problem });
}

function compensation(
  // biome-ignore lint/suspicious/noExplicitAny: whatever the action's payload and result
  given: ActionOptions<string, unknown, any, any>["compensate"],
  name: string,
): ActionDefinition["compensate"] {
  if (given === undefined) return null;
  const { execute, downstreamKey: key, probe, ...unknown } = typeof given === "function" ? { execute: given } : given;
  const [misspelt] = Object.keys(unknown);
  if (misspelt !== undefined) invalid(name, `compensate takes execute, downstreamKey and probe, and not "${misspelt}"`);
  if (typeof execute !== "function") invalid(name, "compensate must be a function, or have one as execute");
  return { execute, downstreamKey: downstreamKey(key, `${name}.compensate`), probe: probe ?? null };
}

function dedups(window: ActionOptions<string, unknown, unknown, unknown>["dedupWindow"]): boolean {
  return window !== undefined && window !== "none";
}

function dedup(
  given: ActionOptions<string, unknown, unknown, unknown>["dedupWindow"],
  name: string,
): ActionDefinition["dedup"] {
  if (given === undefined) return null;
  if (given === "none") return "none";
  const options: DedupOptions = typeof given === "object" ? given : { window: given };
  const { window, limit = 1, behaviour = "skip", ...unknown } = options;
  const [misspelt] = Object.keys(unknown);
  if (misspelt !== undefined) invalid(name, `dedupWindow takes window, limit and behaviour, and not "${misspelt}"`);
  if (!Number.isInteger(limit) || limit < 1) invalid(name, "dedupWindow.limit must be a whole number from 1");
  if (behaviour !== "skip" && behaviour !== "hold") invalid(name, "dedupWindow.behaviour must be skip or hold");
  return { windowMs: durationMs(window, `${name}.dedupWindow`), limit, behaviour };
}

/** Everything is one commit: there is nothing in between that a probe, a key or a mark could be about. */
function checkTransaction(
  name: string,
  options: Pick<
    ActionOptions<string, never, never, never>,
    "probe" | "downstreamKey" | "preciseDispatch" | "serialize"
  >,
  riskTier: RiskTier,
): void {
  if (riskTier === "safe") invalid(name, "a safe action has no claim that a transaction could include");
  for (const other of ["probe", "downstreamKey", "preciseDispatch", "serialize"] as const) {
    if (options[other]) invalid(name, `transaction and ${other} exclude each other: the commit decides`);
  }
}

/** A lag that is not known is not zero, but then only the action's own settleDelay can say more. */
function lookupLag(key: DownstreamKey | undefined): Duration {
  const lag = key?.contract?.lookup?.lag;
  return lag === undefined || lag === "unknown" ? 0 : lag;
}

function downstreamKey(options: DownstreamKey | undefined, name: string): ActionDefinition["downstreamKey"] {
  if (!options) return null;
  const lifetimeMs = durationMs(options.lifetime, `${name}.downstreamKey.lifetime`);
  const marginMs = durationMs(options.margin ?? lifetimeMs / 10, `${name}.downstreamKey.margin`);
  if (marginMs >= lifetimeMs) invalid(name, "downstreamKey.margin must be shorter than its lifetime");
  const { contract } = options;
  const repeatsErrors = contract?.cachesErrors === "server_errors" || contract?.cachesErrors === "all";
  return { lifetimeMs, marginMs, repeatsErrors, provider: contract?.name ?? null };
}

function retryPolicy(options: ActionOptions<string, unknown, unknown, unknown>["retry"], name: string): RetryPolicy {
  const known = ["maxAttempts", "maxElapsed", "base", "cap"];
  const misspelt = Object.keys(options ?? {}).find((option) => !known.includes(option));
  if (misspelt !== undefined) invalid(name, `retry takes ${known.join(", ")}, and not "${misspelt}"`);
  const maxAttempts = options?.maxAttempts ?? DEFAULT_RETRY.maxAttempts;
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1) {
    invalid(name, "retry.maxAttempts must be a whole number from 1");
  }
  return {
    maxAttempts,
    maxElapsedMs: durationMs(options?.maxElapsed ?? DEFAULT_RETRY.maxElapsedMs, `${name}.retry.maxElapsed`),
    baseMs: durationMs(options?.base ?? DEFAULT_RETRY.baseMs, `${name}.retry.base`),
    capMs: durationMs(options?.cap ?? DEFAULT_RETRY.capMs, `${name}.retry.cap`),
  };
}

/** What an action can do about an unknown outcome: a probe, a key, both, a transaction, or none of them. */
export function capabilityOf(definition: AnyAction): Capability {
  if (definition.transaction) return "transaction";
  if (definition.probe) return definition.downstreamKey ? "probe_and_downstream_key" : "probe";
  return definition.downstreamKey ? "downstream_key" : "none";
}

/** What an action promises, in exactly the words of docs/promises.md. */
export function promiseOf(riskTier: RiskTier, capability: Capability): string {
  if (riskTier === "safe") return "may repeat";
  switch (capability) {
    case "none":
      return "at most once; a crash becomes a question";
    case "transaction":
      return "exactly once";
    case "probe":
      return "effectively once; at most once if the probe never answers";
    case "downstream_key":
      return "effectively once inside the key's lifetime; at most once after it";
    case "probe_and_downstream_key":
      return "effectively once; at most once after the key's lifetime if the probe never answers";
  }
}

/** What a caller asks for, as it came. */
export interface Proposal {
  readonly definition: AnyAction;
  readonly input: unknown;
  readonly context: CallContext;
}

/** Who asks, and on whose behalf. */
export interface CallContext {
  /** From the verified caller, never from the payload. Default `default`. */
  readonly tenant?: string;
  /** Names the intended effect, where the action has no business key. */
  readonly requestId?: string;
  /** The caller's agent run. */
  readonly runId?: string;
  /** Who acts, for the action log. */
  readonly actor?: string;
  /** The host's own ids: the scope (thread, workflow) and the call in it. A lower rung of the identity ladder. */
  readonly host?: { readonly scope: string; readonly callId?: string };
  /** The trace that the call belongs to, for the action log. */
  readonly traceId?: string;
  /** Why the call is made once more, where the caller knows, for the action log. Otherwise the guard finds out. */
  readonly cause?: CallerCause;
  /**
   * Where nothing better names the intent: equal payloads in this scope are one intent, whatever the host calls the
   * call. For callers who know better than a host's call ids when the same call is meant again.
   */
  readonly contentScope?: string;
  /** Longest wait for a settled answer, in this call. Default: the guard's `wait`. */
  readonly wait?: Duration;
  /**
   * What the record is expected to be like: each of these fields must equal that of what the action's `before` read,
   * or it is a `conflict` and nothing is sent. Not part of the identity: `{ version: 7 }`, `{ state: "open" }`.
   */
  readonly expected?: Expected;
  /** Joins the caller's own database transaction: `pg` client, Kysely, Drizzle or Prisma transaction. */
  readonly tx?: unknown;
  /** Detaches this caller. An effect that was already sent finishes and is recorded. */
  readonly signal?: AbortSignal;
}

/** Validated and identified: ready to be claimed. */
export interface Action {
  readonly definition: AnyAction;
  readonly tenant: string;
  readonly requestId: string;
  readonly explicitId: string | null;
  readonly keySource: KeySource;
  readonly recordId: string | null;
  readonly amount: number | null;
  /** The finality case it is bound to. */
  readonly boundTo: { readonly id: string; readonly outcome: string | null } | null;
  readonly fingerprint: string;
  /** The validated payload, and its canonical text from which every attempt gets a copy of its own. */
  readonly payload: JsonValue;
  readonly canonical: string;
  /** The text that is recorded: `canonical` without what the action redacts. */
  readonly recorded: string;
  /** The key of its private fields, where it encrypts some. */
  readonly keyId: string | null;
  readonly runId: string | null;
  readonly actor: string | null;
  readonly hostScope: string | null;
  readonly hostCallId: string | null;
  readonly traceId: string | null;
  /** Why it is asked for once more, as the caller says. */
  readonly cause: CallerCause | null;
  readonly expected: Expected | null;
  readonly tx: unknown;
}
