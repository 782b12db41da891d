import { OnceguardError } from "../core/errors.ts";
import { isRefusal, transition } from "../core/lifecycle.ts";
import { lineWithoutRecord } from "../core/log-line.ts";
import type { ReceiptQuery } from "../core/ports.ts";
import { isTerminal, type Receipt, STATES } from "../core/receipt.ts";
import { requireReason } from "./decide.ts";
import { DEFAULT_TENANT } from "./identify.ts";
import { persist } from "./persist.ts";
import type { Runtime } from "./runtime.ts";

/** Whose data is to be forgotten, on whose word. */
export interface Erasure {
  /** As the action's `privacy.subject` names it. */
  readonly subject: string;
  readonly tenant?: string;
  readonly actor: string;
  readonly reason: string;
  /** Called after every batch with the number of requests so far. */
  readonly onProgress?: (expired: number) => void;
}

export interface Erased {
  /** Whether there was a key to destroy. */
  readonly destroyed: boolean;
  /** Requests whose payload and result are forgotten. */
  readonly expired: number;
}

const BATCH = 500;
/** Most ids that an error lists. */
const NAMED = 20;

/**
 * Forgets a subject. Its open requests come first, because nobody could settle them afterwards; then the rows; and the key
 * last, so that an erasure that was cut off is found by its key and goes on. Running it again is harmless.
 */
export async function erase(runtime: Runtime, erasure: Erasure): Promise<Erased> {
  const { subject, tenant = DEFAULT_TENANT, actor, reason, onProgress } = erasure;
  requireReason(actor, reason);
  const { keys } = runtime;
  if (keys === null) {
    throw new OnceguardError("invalid_option", "The guard has no keys, so there is none to destroy.", {
      option: "keys",
    });
  }
  const keyId = await keys.idOf(tenant, subject);
  if (keyId === null) return { destroyed: false, expired: 0 };
  await requireSettled(runtime, tenant, keyId);
  const expired = await expireAll(runtime, tenant, keyId, onProgress);
  await keys.destroy(tenant, subject);
  const nobody = { runId: null, hostScope: null, hostCallId: null, traceId: null, cause: null };
  const about = { tenant, requestId: null, action: null, recordId: null, ...nobody, actor };
  // Without the subject's name: the log is for good.
  const line = lineWithoutRecord(about, "erased", JSON.stringify({ keyId, reason }));
  await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.append(line));
  return { destroyed: true, expired };
}

/** @throws OnceguardError `subject_in_use` */
async function requireSettled(runtime: Runtime, tenant: string, keyId: string): Promise<void> {
  const states = STATES.filter((state) => !isTerminal(state));
  const open = await list(runtime, { tenant, keyId, states, limit: NAMED });
  if (open.length === 0) return;
  const requestIds = open.map(({ requestId }) => requestId);
  throw new OnceguardError(
    "subject_in_use",
    `${open.length}${open.length === NAMED ? " or more" : ""} of the subject's requests are open, and without their data nobody could settle them: ${requestIds.slice(0, 3).join(", ")}${open.length > 3 ? ", ..." : ""}. Settle them first. Nothing was erased.`,
    { requestIds },
  );
}

async function expireAll(
  runtime: Runtime,
  tenant: string,
  keyId: string,
  onProgress: Erasure["onProgress"],
): Promise<number> {
  const states = STATES.filter(isTerminal);
  let expired = 0;
  for (let after: ReceiptQuery["after"]; ; ) {
    const batch = await list(runtime, { tenant, keyId, states, after, limit: BATCH });
    const done = await Promise.all(batch.map((receipt) => expireOne(runtime, receipt)));
    expired += done.filter(Boolean).length;
    onProgress?.(expired);
    if (batch.length < BATCH) return expired;
    after = batch.at(-1);
  }
}

async function expireOne(runtime: Runtime, receipt: Receipt): Promise<boolean> {
  const change = transition(receipt, { type: "expire" }, runtime.randomness.token());
  if (isRefusal(change)) return false;
  const answer = await persist(runtime, runtime.storeTimeoutMs, () => runtime.store.apply(change));
  return answer.kind === "applied";
}

function list(runtime: Runtime, query: ReceiptQuery): Promise<readonly Receipt[]> {
  return persist(runtime, runtime.storeTimeoutMs, () => runtime.store.list(query));
}
