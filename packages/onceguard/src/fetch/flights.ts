import type { AnyAction, EffectContext } from "../core/action.ts";
import { deriveRequestId, keyPart, keyParts } from "../core/request-id.ts";
import { sha256 } from "../pipeline/digest.ts";
import type { Live } from "./payload.ts";
import type { FetchPayload } from "./rule.ts";

/** What a call knows and a record does not; and what its own send was answered, whole. */
export interface Flight {
  readonly live: Live;
  answer: { readonly response: Response; readonly bytes: Uint8Array } | null;
}

/**
 * The calls that are under way here, by the request that they are about: their credentials go with a send of just this
 * request, whoever makes it, and with no other.
 */
export class Flights {
  readonly #byRequest = new Map<string, Flight[]>();

  /** The call of this request that came first, and has not ended; null for a send that nobody waits for. */
  of({ tenant, requestId }: Pick<EffectContext, "tenant" | "requestId">): Flight | null {
    return this.#byRequest.get(keyOf(tenant, requestId))?.[0] ?? null;
  }

  async during<Answer>(
    tenant: string,
    requestId: string,
    flight: Flight,
    work: () => Promise<Answer>,
  ): Promise<Answer> {
    const key = keyOf(tenant, requestId);
    const flights = this.#byRequest.get(key) ?? [];
    this.#byRequest.set(key, flights);
    flights.push(flight);
    try {
      return await work();
    } finally {
      flights.splice(flights.indexOf(flight), 1);
      if (flights.length === 0) this.#byRequest.delete(key);
    }
  }
}

/** As the guard derives it: a rule always has a business key. @throws OnceguardError `missing_key_field` */
export function requestIdOf({ name, keyFields, key }: AnyAction, tenant: string, payload: FetchPayload): string {
  const parts = keyFields ? keyParts(name, payload as never, keyFields) : (key?.(payload) ?? []).map(keyPart);
  return deriveRequestId(sha256, tenant, name, parts);
}

function keyOf(tenant: string, requestId: string): string {
  return `${tenant}\u0000${requestId}`;
}
