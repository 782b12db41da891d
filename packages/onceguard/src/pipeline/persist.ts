import { OnceguardError } from "../core/errors.ts";
import type { Runtime } from "./runtime.ts";

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/**
 * Asks the store again while it cannot be reached, for at most `budgetMs`. Safe even when an earlier try was committed
 * without an acknowledgement: every write carries its owner token, and asking again gives the first answer.
 *
 * @throws OnceguardError the last `store_unavailable`, or at once whatever else the store threw.
 */
export async function persist<T>(runtime: Runtime, budgetMs: number, write: () => Promise<T>): Promise<T> {
  const deadline = runtime.clock.monotonicMs() + budgetMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await write();
    } catch (error) {
      if (!isUnavailable(error) || runtime.clock.monotonicMs() + pause > deadline) throw error;
      await runtime.clock.sleep(pause);
    }
  }
}

export function isUnavailable(error: unknown): error is OnceguardError {
  return error instanceof OnceguardError && error.code === "store_unavailable";
}
