import type { AnyAction } from "../core/action.ts";
import { type Budgets, checkBudgets } from "../core/budget.ts";
import { durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Route } from "../core/failure.ts";
import { checkFinality, DEFAULT_FINALITY_POLICY } from "../core/finality.ts";
import { nearNames } from "../core/near-names.ts";
import type { Notifier } from "../core/notification.ts";
import { checkRules } from "../core/policy.ts";
import { DEFAULT_JSON_LIMITS } from "../core/strict-json.ts";
import { DataKeys } from "./data-keys.ts";
import { tenantHmac } from "./digest.ts";
import { encryptingStore } from "./encrypting-store.ts";
import type { GuardOptions } from "./guard.ts";
import { harmless } from "./harmless.ts";
import { Leases } from "./leases.ts";
import { persist } from "./persist.ts";
import { goOn, type Runtime } from "./runtime.ts";
import { SideLog } from "./side-log.ts";
import { systemClock, systemRandomness } from "./system-clock.ts";
import { encrypts, needsKeys, rulesOf } from "./under-key.ts";
import { watchedStore } from "./watched-store.ts";

/**
 * The options, checked and with their defaults, as what every step of the pipeline is handed.
 *
 * @throws OnceguardError `invalid_option` | `duplicate_action`
 */
export function createRuntime(
  options: GuardOptions,
  closing: AbortSignal,
  aborting: AbortSignal,
  isClosed: () => boolean,
): Runtime {
  checkNames(options);
  const { clock = systemClock } = options;
  const report = options.onBackgroundError ?? ((error) => process.emitWarning(error as Error));
  const telemetry = options.telemetry ? harmless(options.telemetry, report) : null;
  const store = telemetry === null ? options.store : watchedStore(options.store, telemetry);
  const leaseMs = durationMs(options.lease ?? "30s", "lease");
  const leaseMarginMs = durationMs(options.leaseMargin ?? leaseMs / 6, "leaseMargin");
  if (leaseMs < 100) throw invalidOption("lease", options.lease, "at least 100 ms");
  if (leaseMarginMs >= leaseMs) throw invalidOption("leaseMargin", options.leaseMargin, "shorter than the lease");
  const actions = new Map<string, AnyAction>();
  for (const definition of options.actions ?? []) {
    if (actions.has(definition.name)) throw duplicate(definition.name);
    actions.set(definition.name, definition);
  }
  const hmacs = new Map<string, ReturnType<typeof tenantHmac>>();
  const stops = new Set<() => void>();
  aborting.addEventListener("abort", () => {
    for (const stop of stops) stop();
  });
  const keys = options.keys === undefined ? null : new DataKeys(options.keys, clock);
  if (keys === null)
    for (const { name, privacy } of actions.values()) if (privacy && encrypts(privacy)) throw needsKeys(name);
  let opening: Promise<void> | null = null;
  let secret: string | null = null;
  const runtime: Runtime = {
    store: keys === null ? store : encryptingStore(store, { keys, rulesOf: (action) => rulesOf(runtime, action) }),
    clock,
    randomness: options.randomness ?? systemRandomness,
    limits: { ...DEFAULT_JSON_LIMITS, ...options.limits },
    policy: options.policy ?? null,
    rules: checkRules(options.rules ?? []),
    policyVersion: options.policyVersion ?? "1",
    budgets: checkBudgets(options.budgets ?? ({} satisfies Budgets)),
    finality: { ...DEFAULT_FINALITY_POLICY, ...checkFinality(options.finality ?? {}) },
    notifiers: notifiersByRoute(options.notify),
    telemetry,
    spillFolder: spillFolder(options),
    holdMs: durationMs(options.holdFor ?? "7d", "holdFor"),
    approvalMs: durationMs(options.approvalFor ?? "1h", "approvalFor"),
    haltLookMs: durationMs(options.haltLook ?? "100ms", "haltLook"),
    actions,
    settledOnly: new Map(),
    keys,
    privacyOfUnregistered: new Map(),
    leases: new Leases(store, clock, leaseMs),
    sideLog:
      options.logCalls === false
        ? null
        : new SideLog({ store, clock, inBackground: (flush) => goOn(runtime, runtime.background, flush) }),
    inFlight: new Map(),
    unansweredClaims: new Map(),
    pending: new Map(),
    background: new Set(),
    late: new Set(),
    isClosed,
    leaseMs,
    leaseMarginMs,
    waitMs: durationMs(options.wait ?? "30s", "wait"),
    graceMs: durationMs(options.grace ?? "10s", "grace"),
    storeTimeoutMs: durationMs(options.storeTimeout ?? "2s", "storeTimeout"),
    maxResultBytes: options.maxResultBytes ?? 1_048_576,
    closing,
    aborting,
    onAbort: (stop) => {
      if (aborting.aborted) stop();
      stops.add(stop);
      return () => stops.delete(stop);
    },
    report,
    ready: async () => {
      if (secret !== null) return;
      opening ??= persist(runtime, runtime.storeTimeoutMs, () => store.open())
        .then((info) => {
          secret = info.secret;
        })
        .finally(() => {
          opening = null;
        });
      await opening;
    },
    hmac: (tenant) => {
      if (secret === null) throw new Error("the store is not open");
      const known = hmacs.get(tenant);
      if (known) return known;
      if (hmacs.size >= MAX_CACHED_TENANTS) hmacs.clear();
      const made = tenantHmac(secret, tenant);
      hmacs.set(tenant, made);
      return made;
    },
  };
  return runtime;
}

const OPTIONS: Readonly<Record<keyof GuardOptions, true>> = {
  ...{ store: true, actions: true, policy: true, rules: true, policyVersion: true, budgets: true, finality: true },
  ...{ notify: true, telemetry: true, holdFor: true, approvalFor: true, haltLook: true, spill: true, logCalls: true },
  ...{ keys: true, lease: true, leaseMargin: true, wait: true, grace: true, storeTimeout: true, sweepEvery: true },
  ...{ limits: true, maxResultBytes: true, onBackgroundError: true, clock: true, randomness: true },
};

/** A misspelt `budgets` would limit nothing, without a word. @throws OnceguardError `invalid_option` */
function checkNames(options: object): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(OPTIONS, name));
  if (unknown === undefined) return;
  const names = Object.keys(OPTIONS);
  const [near] = nearNames(unknown, names);
  const instead = near === undefined ? `there are ${names.join(", ")}` : `was "${near}" meant?`;
  throw new OnceguardError("invalid_option", `"${unknown}" is no option of createGuard; ${instead}`, {
    option: unknown,
  });
}

const ROUTES: readonly Route[] = ["data_owner", "domain_expert", "operator", "security"];

/** @throws OnceguardError `invalid_option` */
function notifiersByRoute(given: GuardOptions["notify"]): ReadonlyMap<Route, readonly Notifier[]> {
  const byRoute = new Map<Route, readonly Notifier[]>();
  for (const [route, notifiers] of Object.entries(given ?? {})) {
    if (!ROUTES.includes(route as Route)) throw invalidOption(`notify.${route}`, route, `one of ${ROUTES.join(", ")}`);
    const list = Array.isArray(notifiers) ? notifiers : [notifiers];
    if (list.some((one) => typeof one?.deliver !== "function")) {
      throw invalidOption(`notify.${route}`, null, 'made by webhookNotifier and others of "onceguard/notify"');
    }
    if (list.length > 0) byRoute.set(route as Route, list);
  }
  return byRoute;
}

/** What a memory store would forget anyway, no file has to keep. */
function spillFolder({ spill, store }: GuardOptions): string | null {
  if (spill === false || (spill === undefined && !store.durable)) return null;
  return spill ?? ".onceguard-spill";
}

/** Tenant keys are cheap to derive again; the cache only must not grow with the number of tenants. */
const MAX_CACHED_TENANTS = 10_000;

export function duplicate(name: string): OnceguardError {
  return new OnceguardError(
    "duplicate_action",
    `Two actions are called "${name}". Names identify requests; choose another.`,
    {
      action: name,
    },
  );
}

function invalidOption(option: string, value: unknown, expected: string): OnceguardError {
  return new OnceguardError("invalid_option", `${option} is ${JSON.stringify(value)}; it must be ${expected}.`, {
    option,
    value,
  });
}
