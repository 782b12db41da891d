import { type AnyAction, defineAction, type EffectContext } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import { effectError } from "../core/failure.ts";
import { type Receipt, resultOf } from "../core/receipt.ts";
import { problemWithName } from "../core/request-id.ts";
import type { Guard } from "../pipeline/guard.ts";
import type { RecordedEvent, WebhookInboxOptions } from "./inbox-options.ts";
import { createReceiver, type Receiver } from "./receiver.ts";

/** Takes the webhooks of one source in, each event once. */
export interface WebhookInbox {
  /** To be among the guard's actions, in every process that may handle events. */
  readonly action: AnyAction;
  /** Takes deliveries for this guard: verifies, persists, answers; and handles what was persisted. */
  receiver(guard: Pick<Guard, "enqueue" | "reconcile" | "receipts" | "evidence">): Receiver;
}

/** What became of an event: handled, or left out because its object was already newer. */
interface Handled {
  readonly applied: boolean;
  /** The newest time of its object that was handled. */
  readonly newest: number | null;
  readonly evidence?: string;
}

/**
 * An inbox for webhooks: each event is persisted before it is answered, and handled once, in the order of its object.
 *
 * @throws OnceguardError `invalid_option` | `invalid_action`
 */
export function webhookInbox(options: WebhookInboxOptions): WebhookInbox {
  const { source, handle, evidence, repeatable = false, name = source?.name, tenant = "default" } = options;
  if (typeof source?.verify !== "function") {
    throw new OnceguardError("invalid_option", "An inbox needs a source, such as stripeWebhooks({ secret }).", {
      option: "source",
    });
  }
  if (!handle && !evidence) {
    throw new OnceguardError("invalid_option", "An inbox needs `handle` or `evidence`: what becomes of its events?", {
      option: "handle",
    });
  }
  let bound: Pick<Guard, "receipts" | "evidence"> | null = null;
  const action: AnyAction = defineAction<string, Handled, RecordedEvent, RecordedEvent>({
    name: `webhook:${name}`,
    riskTier: "side_effecting",
    record: ({ object, id }) => object ?? `event:${id}`.slice(0, 255),
    // One at a time for each object, so that the look at what was handled before holds until this one is.
    serialize: true,
    // A provider's redelivery may differ in what is beside the point, such as how many deliveries are open.
    volatile: ["data"],
    retry: { maxAttempts: 10, maxElapsed: "24h", ...options.retry },
    ...(options.timeout !== undefined && { timeout: options.timeout }),
    // The other side is the handler: it says that a second time does no harm.
    ...(repeatable && { downstreamKey: { lifetime: "36500d" } }),
    execute: async (recorded, context) => {
      if (bound === null) {
        const message = "This process has the inbox among its actions, and no receiver of it; nothing was handled.";
        throw effectError({ certainty: "definite", tier: "transient", code: "no_receiver", message });
      }
      const newest = await newestOf(bound, action.name, recorded, context);
      if (recorded.at !== null && newest !== null && recorded.at < newest) return { applied: false, newest };
      const heard = evidence ? await giveEvidence(bound, evidence(recorded), source.name, recorded.id, tenant) : null;
      const { signal, attemptNumber, requestId, idempotencyKey } = context;
      await handle?.(recorded, { signal, attemptNumber, requestId, idempotencyKey, tenant: context.tenant });
      const latest = recorded.at === null ? newest : Math.max(recorded.at, newest ?? 0);
      return { applied: true, newest: latest, ...(heard !== null && { evidence: heard }) };
    },
  });
  return {
    action,
    receiver: (guard) => {
      bound = guard;
      return createReceiver({ ...options, name, tenant, action: action.name }, guard);
    },
  };
}

/** How far the object's events have been handled: each success carries the newest time so far. */
async function newestOf(
  guard: Pick<Guard, "receipts">,
  action: string,
  { object }: RecordedEvent,
  { tenant, recordId }: EffectContext,
): Promise<number | null> {
  if (object === null || recordId === null) return null;
  const before = await guard.receipts({ tenant, action, recordId, states: ["succeeded"], limit: LOOKED_AT });
  const times = before.map(newestIn).filter((one) => one !== null);
  return times.length === 0 ? null : Math.max(...times);
}

/** Enough: of those handled one after the other, each carries on what the ones before it knew. */
const LOOKED_AT = 100;

function newestIn(receipt: Receipt): number | null {
  const { newest } = (resultOf(receipt) ?? {}) as Partial<Handled>;
  return typeof newest === "number" ? newest : null;
}

/** A request that nobody has is none of ours: a provider tells of everything on the account. */
async function giveEvidence(
  guard: Pick<Guard, "evidence">,
  given: ReturnType<NonNullable<WebhookInboxOptions["evidence"]>>,
  source: string,
  id: string,
  tenant: string,
): Promise<string | null> {
  if (given === null || problemWithName(given.requestId) !== null) return null;
  const { requestId, ...said } = given;
  try {
    const receipt = await guard.evidence(requestId, {
      ...said,
      source: `${source} webhook ${id}`.slice(0, 255),
      tenant,
    });
    return receipt.requestId;
  } catch (error) {
    if (error instanceof OnceguardError && error.code === "receipt_not_found") return null;
    throw error;
  }
}
