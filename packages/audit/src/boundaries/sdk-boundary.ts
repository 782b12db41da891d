import type { Sink } from "../catalogue/sinks.ts";
import type { CallFact } from "../facts/model.ts";
import type { Boundary } from "./boundary.ts";

/** A boundary that is a method of a client, and not an HTTP request. */
export function sdkBoundaryOf(
  sink: Sink,
  call: CallFact,
  operation: string,
  more: { natural: boolean; made: CallFact | null },
): Boundary {
  return {
    call,
    sink,
    operation,
    kind: sink.kind,
    tier: sink.tier,
    natural: more.natural,
    http: null,
    made: more.made,
    local: sink.tier === "local-state",
  };
}
