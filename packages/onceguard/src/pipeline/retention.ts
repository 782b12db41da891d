import { type Duration, durationMs } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import { isRefusal, transition } from "../core/lifecycle.ts";
import type { ReceiptQuery } from "../core/ports.ts";
import type { Receipt, State } from "../core/receipt.ts";
import { atOnce } from "./at-once.ts";
import { persist } from "./persist.ts";
import type { Runtime } from "./runtime.ts";

/** How long requests keep their payloads and results. All that it names must fit; a rule that names nothing fits everything. */
export interface RetentionRule {
  readonly action?: string;
  readonly tenant?: string;
  /** Since they were settled; `"never"`: they are kept. */
  readonly after: Duration | "never";
}

interface Pace {
  /** Requests per batch. Default 100. */
  readonly batch?: number;
  /** Called after every batch with the number so far. What it throws ends the work; what is done is done. */
  readonly onProgress?: (expired: number) => void;
}

/** What to forget: what was settled at least this long ago, or by rules, of which the first that fits a request counts. */
export type Retention = Pace &
  (
    | { readonly olderThan: Duration; readonly tenant?: string; readonly action?: string }
    | { readonly rules: readonly RetentionRule[] }
  );

/** So many side by side: a store has other things to do. */
const AT_ONCE = 4;

/** What is settled; a request that is open, or waits for a person, keeps what is needed to settle it. */
const SETTLED: readonly State[] = ["succeeded", "failed", "denied", "compensated"];

/**
 * Row 21: payloads and results of old settled requests go; their ids, fingerprints and final states stay as tombstones,
 * so that a late retry meets an answer and not a fresh start. May be cut off and run again at any time.
 *
 * @throws OnceguardError `invalid_option`
 */
export async function expire(runtime: Runtime, retention: Retention): Promise<{ readonly expired: number }> {
  const { batch = 100, onProgress } = retention;
  if (!Number.isSafeInteger(batch) || batch < 1)
    throw new OnceguardError("invalid_option", `batch is ${batch}; expected a whole number from 1.`, {
      option: "batch",
    });
  const { store, storeTimeoutMs } = runtime;
  let expired = 0;
  for (const { query, isMeant } of retentionPasses(retention, await store.now())) {
    for (let after: ReceiptQuery["after"]; ; ) {
      const page = await persist(runtime, storeTimeoutMs, () => store.list({ ...query, after, limit: batch }));
      const changed = await atOnce(AT_ONCE, page.filter(isMeant), async (receipt) => {
        const change = transition(receipt, { type: "expire" }, runtime.randomness.token());
        if (isRefusal(change)) return false;
        return (await persist(runtime, storeTimeoutMs, () => store.apply(change))).kind === "applied";
      });
      expired += changed.filter(Boolean).length;
      onProgress?.(expired);
      if (page.length < batch) break;
      after = page.at(-1);
    }
  }
  return { expired };
}

/** One look at the store per rule: what it asks for, and which of the answers the rule is for. */
export function retentionPasses(
  retention: Retention,
  now: number,
): readonly { readonly query: Omit<ReceiptQuery, "limit">; readonly isMeant: (receipt: Receipt) => boolean }[] {
  const rules = "rules" in retention ? retention.rules : [{ ...retention, after: retention.olderThan }];
  return rules.flatMap(({ action, tenant, after }, n) => {
    if (after === "never") return [];
    const updatedBefore = now - durationMs(after, "rules" in retention ? `retention[${n}].after` : "olderThan");
    const earlier = rules.slice(0, n);
    return {
      query: { states: SETTLED, updatedBefore, action, tenant },
      // One that evidence contradicts is an open question: it keeps what is needed to answer it.
      isMeant: (receipt: Receipt) => !receipt.conflict && !earlier.some((rule) => fits(rule, receipt)),
    };
  });
}

function fits({ action, tenant }: RetentionRule, receipt: Receipt): boolean {
  return (action === undefined || action === receipt.action) && (tenant === undefined || tenant === receipt.tenant);
}
