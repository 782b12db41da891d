import type { JsonValue } from "../core/json.ts";

/** A delivery as it came over the wire. */
export interface Delivery {
  readonly headers: Headers;
  /** The bytes that are signed. */
  readonly body: Uint8Array;
}

/** What a delivery says, once its signature was found good. */
export interface WebhookEvent {
  /** The same on every delivery of this event, and signed: whoever repeats it under another id repeats it all the same. */
  readonly id: string;
  /** `charge.refunded`, `pull_request.closed`, `orders/create`. */
  readonly type: string;
  /** The business object it is about, such as `charge:ch_1`; null where the source does not say. */
  readonly object: string | null;
  /** When the object was so, in ms since 1970; orders the events of one object. Null: not known. */
  readonly at: number | null;
  /** The event itself, as it was sent. */
  readonly data: JsonValue;
}

/** `challenge`: the sender only asks whether anybody is here, and is answered with this text. */
export type Verified = WebhookEvent | { readonly challenge: string };

/** Who sends, and how their deliveries are told from anybody else's. */
export interface WebhookSource {
  readonly name: string;
  /** Null for what is not signed by the secret, or long ago. @throws OnceguardError for signed content that is not JSON */
  verify(delivery: Delivery): Promise<Verified | null>;
}
