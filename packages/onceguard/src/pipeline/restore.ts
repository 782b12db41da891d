import { type Duration, durationMs } from "../core/duration.ts";
import type { Epoch } from "../core/epoch.ts";
import { OnceguardError } from "../core/errors.ts";
import { isRefusal, transition } from "../core/lifecycle.ts";
import type { State } from "../core/receipt.ts";
import { requireReason } from "./decide.ts";
import { persist } from "./persist.ts";
import type { Runtime } from "./runtime.ts";

/** What was restored, and what is to follow from it. */
export interface Restoration {
  /** Up to when the backup holds what happened: a Date, or ms since the epoch. */
  readonly backupAt: Date | number;
  /** How long a request without a record counts as a question. Default: until `endRestore`. */
  readonly lasts?: Duration;
  readonly actor: string;
  readonly reason: string;
}

const BATCH = 500;

/** By the backup these were still to happen, or happening, or may have: since then they may have, or once more. */
const OPEN: readonly State[] = ["running", "retry_wait", "held", "in_doubt"];

/**
 * Begins a new epoch. First the epoch is recorded, so that no first call slips through; then every request that was open
 * in the backup is put in doubt. Run it before the first guard works on the restored store; it may be run again.
 *
 * @throws OnceguardError `missing_reason` | `invalid_option`
 */
export async function restore(
  runtime: Runtime,
  restoration: Restoration,
): Promise<{ readonly epoch: Epoch; readonly doubted: number }> {
  const { lasts, actor, reason } = restoration;
  requireReason(actor, reason);
  const { store } = runtime;
  const backupAt = Number(restoration.backupAt);
  const now = await store.now();
  if (!Number.isFinite(backupAt) || backupAt > now) {
    throw new OnceguardError("invalid_option", "backupAt must be a time in the past: up to when the backup goes.", {
      option: "backupAt",
      value: String(restoration.backupAt),
    });
  }
  const lastsMs = lasts === undefined ? null : durationMs(lasts, "lasts");
  const epoch = await persist(runtime, runtime.storeTimeoutMs, () =>
    store.startEpoch({ backupAt, lastsMs, actor, reason }),
  );
  let doubted = 0;
  for (let after: Parameters<typeof store.list>[0]["after"]; ; ) {
    const batch = await store.list({ states: OPEN, after, limit: BATCH });
    for (const receipt of batch) {
      // Its effect lies in the database that was restored with it.
      if (receipt.capability === "transaction" || receipt.createdAt > epoch.restoredAt) continue;
      // Put in doubt by this restore, or tried since.
      if (receipt.state === "in_doubt" && (receipt.attemptEndedAt ?? 0) >= epoch.restoredAt) continue;
      const change = transition(receipt, { type: "restored" }, runtime.randomness.token());
      if (isRefusal(change)) continue;
      const answer = await persist(runtime, runtime.storeTimeoutMs, () => store.apply(change));
      if (answer.kind === "applied") doubted += 1;
    }
    after = batch.at(-1);
    if (batch.length < BATCH) return { epoch, doubted };
  }
}
