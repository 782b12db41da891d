import type { Sink, Tier } from "../catalogue/sinks.ts";
import type { CallFact } from "../facts/model.ts";
import { lineAt } from "../facts/model.ts";

/** One call that changes something outside the process. */
export interface Boundary {
  call: CallFact;
  sink: Sink;
  /** `refunds.create`, `POST /v2/orders`. */
  operation: string;
  kind: string;
  tier: Tier;
  /** Comes out the same when it is repeated. */
  natural: boolean;
  /** Of HTTP calls. */
  http: { method: string; url: string } | null;
  /** The call that made the client, for its options. */
  made: CallFact | null;
  /** Database and cache writes: reported only on request, or when they are not natural. */
  local: boolean;
}

export function placeOf(boundary: { call: CallFact }): { path: string; line: number; column: number } {
  const { file } = boundary.call.fn;
  return { path: file.path, ...lineAt(file, boundary.call.pos) };
}

/** `stripe refunds.create`. */
export function nameOf(boundary: Boundary): string {
  if (boundary.http) return `${boundary.http.method} ${boundary.http.url || "(unknown URL)"}`;
  return `${boundary.sink.id} ${boundary.operation}`;
}
