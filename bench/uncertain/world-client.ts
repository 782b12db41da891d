import type { Intent, World } from "./contender.ts";
import { HttpError } from "./http-error.ts";

/** How long a caller of the outside world waits for its answer, in ms. */
const TIMEOUT_MS = 2_000;

/** Told by the worker's frame before the request leaves and after its answer came; may stop the process there, or throw. */
export interface Checkpoints {
  sending(intent: Intent): Promise<void>;
  answered(intent: Intent): Promise<void>;
  /** The client has stopped waiting for the world. */
  timedOut(intent: Intent): void;
}

/** The outside world by fetch, one connection per call. */
export function worldClient(url: string, offers: World["offers"], checkpoints: Checkpoints): World {
  return {
    offers,
    act: async (intent, { key, signal } = {}) => {
      await checkpoints.sending(intent);
      const { delivery: _, ...sent } = intent;
      const timeout = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(`${url}/${intent.effect}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(key === undefined ? {} : { "idempotency-key": key }) },
        body: JSON.stringify({ intent: sent.id, payload: sent.payload }),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      }).catch((error: unknown) => {
        if (timeout.aborted) checkpoints.timedOut(intent);
        throw error;
      });
      const body = (await response.json()) as { id: string };
      if (!response.ok) throw new HttpError(response.status, body);
      await checkpoints.answered(intent);
      return { id: body.id };
    },
    lookup: async (intent) => {
      const response = await fetch(`${url}/${intent.effect}/${intent.id}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const body = (await response.json()) as { id: string };
      if (response.status === 404) return null;
      if (!response.ok) throw new HttpError(response.status, body);
      return { id: body.id };
    },
  };
}
