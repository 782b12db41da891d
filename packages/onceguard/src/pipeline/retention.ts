import { type Duration, durationMs } from "../core/duration.ts";
import { isRefusal, transition } from "../core/lifecycle.ts";
import type { ReceiptQuery } from "../core/ports.ts";
import type { State } from "../core/receipt.ts";
import { persist } from "./persist.ts";
import type { Runtime } from "./runtime.ts";

/** What to forget. */
export interface Retention {
  /** Only what was settled at least this long ago. */
  readonly olderThan: Duration;
  readonly tenant?: string;
  readonly action?: string;
  /** Called after every batch with the number so far. */
  readonly onProgress?: (expired: number) => void;
}

const BATCH = 500;

/** What is settled; a request that is open, or waits for a person, keeps what is needed to settle it. */
const SETTLED: readonly State[] = ["succeeded", "failed", "denied", "compensated"];

/**
 * Row 21: payloads and results of old settled requests go; their ids, fingerprints and final states stay as tombstones,
 * so that a late retry meets an answer and not a fresh start. May be cut off and run again at any time.
 */
export async function expire(runtime: Runtime, retention: Retention): Promise<{ readonly expired: number }> {
  const { olderThan, tenant, action, onProgress } = retention;
  const { store } = runtime;
  const updatedBefore = (await store.now()) - durationMs(olderThan, "olderThan");
  let expired = 0;
  for (let after: ReceiptQuery["after"]; ; ) {
    const batch = await persist(runtime, runtime.storeTimeoutMs, () =>
      store.list({ states: SETTLED, updatedBefore, tenant, action, after, limit: BATCH }),
    );
    const changed = await Promise.all(
      batch.map(async (receipt) => {
        // An open question about a settled record: it keeps what is needed to answer it.
        if (receipt.conflict) return false;
        const change = transition(receipt, { type: "expire" }, runtime.randomness.token());
        if (isRefusal(change)) return false;
        const answer = await persist(runtime, runtime.storeTimeoutMs, () => store.apply(change));
        return answer.kind === "applied";
      }),
    );
    expired += changed.filter(Boolean).length;
    onProgress?.(expired);
    if (batch.length < BATCH) return { expired };
    after = batch.at(-1);
  }
}
