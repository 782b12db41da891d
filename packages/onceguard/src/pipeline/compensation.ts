import {
  type AnyAction,
  type CompensationContext,
  defineAction,
  type EffectContext,
  type ProbeAnswer,
} from "../core/action.ts";
import { effectError } from "../core/failure.ts";
import { idempotencyKey } from "../core/idempotency-key.ts";
import { isRefusal, transition } from "../core/lifecycle.ts";
import type { Privacy } from "../core/privacy.ts";
import { type Receipt, resultOf } from "../core/receipt.ts";
import { sha256 } from "./digest.ts";
import { payloadOf } from "./payload-of.ts";
import { persist } from "./persist.ts";
import { stateText } from "./record-state.ts";
import type { Runtime } from "./runtime.ts";

/** No action of a user's can be called like that. */
const SUFFIX = "~undo";

export function compensationName(action: string): string {
  return `${action}${SUFFIX}`;
}

export function isCompensation(action: string | null): boolean {
  return action?.endsWith(SUFFIX) ?? false;
}

/** What a compensation is about. The states are those of the log, as text. */
export interface CompensationPayload {
  readonly of: string;
  readonly record: string | null;
  readonly before: string | null;
  readonly after: string | null;
}

/** The code that carries out a request by name: an action, or the undoing of one. */
export function definitionFor(runtime: Runtime, name: string): AnyAction | null {
  if (!isCompensation(name)) return runtime.actions.get(name) ?? null;
  const undone = runtime.actions.get(name.slice(0, -SUFFIX.length));
  return undone ? compensationOf(runtime, undone) : null;
}

/** The same for whoever carries it on without its caller: a redacted payload cannot be sent. */
export function definitionToCarryOn(runtime: Runtime, name: string): AnyAction | null {
  const definition = definitionFor(runtime, name);
  return definition && isCarriedOnByCallersOnly(definition) ? null : definition;
}

export function isCarriedOnByCallersOnly({ privacy }: AnyAction): boolean {
  return privacy !== null && privacy.redact.length > 0;
}

/** All names that a sweeper of this guard can carry on. */
export function knownNames(runtime: Runtime): string[] {
  const names = [...runtime.actions.keys()].flatMap((name) => [name, compensationName(name)]);
  return names.filter((name) => definitionToCarryOn(runtime, name) !== null);
}

/**
 * The undoing of an action's effects as an action of its own: one request per effect, so that it happens once; on the
 * same record, in its turn; only where the record still is as the effect left it. What a crash leaves in doubt is
 * settled by reading the record. Null: the action does not say how it is undone.
 */
export function compensationOf(runtime: Runtime, action: AnyAction): AnyAction | null {
  const { compensate } = action;
  if (compensate === null) return null;
  const read = readerOf(runtime, action);
  const probe = probeOf(runtime, compensate, read);
  const definition = defineAction<string, unknown, unknown, CompensationPayload>({
    name: "undo",
    riskTier: action.riskTier === "safe" ? "side_effecting" : action.riskTier,
    input: AS_GIVEN,
    version: action.version,
    keyFields: ["of"],
    record: ({ record, of }) => record ?? `request:${of}`,
    serialize: true,
    dedupWindow: "none",
    timeout: action.timeoutMs,
    settleDelay: action.settleDelayMs,
    noEffectOn: action.noEffectOn,
    ...(action.classify && { classify: action.classify }),
    // The mark costs nothing, since it rides with what is logged before. Killed before it, a compensation has not been sent:
    // on a record that others have changed it would otherwise stay in doubt, because reading that settles nothing.
    ...(read && { before: read, after: read, expect: isAsLeft, preciseDispatch: true }),
    execute: async (payload, context) => {
      const original = await originalOf(runtime, payload, context);
      return compensate.execute(payloadOf(original) as never, contextOf(original, payload, context));
    },
    ...(probe && { probe }),
  });
  return {
    ...definition,
    name: compensationName(action.name),
    downstreamKey: compensate.downstreamKey,
    retry: action.retry,
    privacy: allOf(action),
  };
}

type Read = (payload: CompensationPayload, context: EffectContext) => Promise<unknown>;
type Probe = (payload: CompensationPayload, context: EffectContext) => Promise<ProbeAnswer<unknown>>;

/** Its own probe, or a look at the record; null where it has neither. */
function probeOf(runtime: Runtime, { probe }: NonNullable<AnyAction["compensate"]>, read: Read | null): Probe | null {
  if (!probe) return read && (async (payload, context) => whatTheRecordSays(payload, await read(payload, context)));
  return async (payload, context) => {
    const original = await originalOf(runtime, payload, context);
    return probe(payloadOf(original) as never, contextOf(original, payload, context));
  };
}

/** Its payload has the record's states as texts, in which no field can be told from another. */
function allOf({ privacy }: AnyAction): Privacy | null {
  return privacy && { redact: [], encrypt: privacy.encrypt.length === 0 ? [] : "all", subject: null };
}

/** Made by ourselves, and nobody else's to fill in. */
const AS_GIVEN = {
  "~standard": {
    version: 1 as const,
    vendor: "onceguard",
    validate: (value: unknown) => ({ value: value as CompensationPayload }),
  },
};

function isAsLeft({ after }: CompensationPayload, found: unknown): boolean | string {
  const text = textOf(found);
  if (after === null || text === after) return true;
  return "the record is no longer as the effect left it: somebody else has changed it since";
}

/** Back where it was before, or still where the effect had left it; anything else is somebody else's doing. */
function whatTheRecordSays({ before, after }: CompensationPayload, found: unknown) {
  if (before === null || after === null || before === after) return { answer: "cannot_tell" } as const;
  const text = textOf(found);
  if (text === before) return { answer: "happened" } as const;
  return text === after ? ({ answer: "did_not_happen" } as const) : ({ answer: "cannot_tell" } as const);
}

function textOf(found: unknown): string | null {
  const state = stateText(found, Number.POSITIVE_INFINITY, null);
  return "json" in state ? state.json : null;
}

/** The record as it is now, without what is redacted: what it is compared with is what the log has. Null: nobody reads it. */
function readerOf(runtime: Runtime, { after, privacy }: AnyAction): Read | null {
  if (after === null) return null;
  return async (payload, context) => {
    const original = await originalOf(runtime, payload, context);
    const found: unknown = await after(payloadOf(original), { ...context, result: resultOf(original) });
    const state = stateText(found, Number.POSITIVE_INFINITY, privacy);
    return "json" in state ? JSON.parse(state.json) : found;
  };
}

async function originalOf(runtime: Runtime, { of }: CompensationPayload, { tenant }: EffectContext): Promise<Receipt> {
  const original = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.find(tenant, of));
  if (original && original.payload !== null) return original;
  throw effectError({
    certainty: "definite",
    tier: "validation",
    code: "nothing_to_undo",
    message: `The request "${of}" that is to be undone is not there any more, or its payload is forgotten.`,
  });
}

function contextOf(
  original: Receipt,
  { before, after }: CompensationPayload,
  context: EffectContext,
): CompensationContext<unknown> {
  const { tenant, requestId, generation } = original;
  return {
    ...context,
    of: { requestId, idempotencyKey: idempotencyKey(sha256, tenant, requestId, generation) },
    result: resultOf(original),
    before: before === null ? undefined : JSON.parse(before),
    after: after === null ? undefined : JSON.parse(after),
  };
}

/** What became of a compensation is written into the request whose effect it undid (row 20). */
export async function settleCompensation(runtime: Runtime, compensation: Receipt): Promise<void> {
  const { tenant, state, payload, actor, reason, failure } = compensation;
  if (!isCompensation(compensation.action) || payload === null) return;
  if (state !== "succeeded" && state !== "failed" && state !== "denied") return;
  const { of } = JSON.parse(payload) as CompensationPayload;
  for (;;) {
    const original = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.find(tenant, of));
    if (original === null) return;
    const why = failure?.message ?? reason ?? state;
    const change = transition(
      original,
      state === "succeeded" ? { type: "compensated" } : { type: "compensation_failed", reason: why },
      runtime.randomness.token(),
      { runId: compensation.runId, actor, hostScope: null, hostCallId: null, traceId: null, cause: null },
    );
    if (isRefusal(change)) return;
    const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.apply(change));
    if (answer.kind !== "stale") return;
  }
}
