import type { Guard } from "../pipeline/guard.ts";
import type { RetentionRule } from "../pipeline/retention.ts";
import { note } from "./output.ts";

/** Forgets what the rules say, at once and then every so often, until told to stop; resolves when it has stopped. */
export async function keepRetention(
  guard: Pick<Guard, "expire">,
  rules: readonly RetentionRule[],
  everyMs: number,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    try {
      const { expired } = await guard.expire({ rules, onProgress: () => stop.throwIfAborted() });
      if (expired > 0) note(`retention: ${expired} forgotten`);
    } catch (error) {
      if (!stop.aborted) note(`retention: ${(error as Error).message}`); // a store that is away is asked again
    }
    await pause(everyMs, stop);
  }
}

/** Longest timer there is; a later one would fire at once. */
const LONGEST_MS = 2_147_483_647;

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) return resolve();
    const timer = setTimeout(done, Math.min(ms, LONGEST_MS));
    stop.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      stop.removeEventListener("abort", done);
      resolve();
    }
  });
}
