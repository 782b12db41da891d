import { idempotencyKey } from "../core/idempotency-key.ts";
import type { Receipt } from "../core/receipt.ts";
import { sha256 } from "../pipeline/digest.ts";

/**
 * The idempotency keys under which the other side has heard of it, the newest first: what to search its books for. Empty
 * while nothing was sent.
 */
export function sentKeys({ tenant, requestId, generation, attemptNumber, mayHaveApplied }: Receipt): string[] {
  if (attemptNumber === 0 && !mayHaveApplied) return [];
  return Array.from({ length: generation }, (_, n) => idempotencyKey(sha256, tenant, requestId, generation - n));
}

/** The same for people; null for none. */
export function keyWords(receipt: Receipt): string | null {
  const [newest, ...earlier] = sentKeys(receipt);
  if (newest === undefined) return null;
  return earlier.length === 0 ? newest : `${newest} (earlier ${earlier.join(", ")})`;
}
