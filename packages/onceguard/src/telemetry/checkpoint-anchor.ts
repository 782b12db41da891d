import { ROOT_CONTEXT, type TracerProvider, trace } from "@opentelemetry/api";
import { SCOPE, VERSION } from "./scope.ts";
import { CHECKPOINT } from "./semantic-conventions.ts";

/** As `onceguard/seal` takes it. */
export interface CheckpointAnchor {
  readonly name: string;
  anchor(note: string): Promise<void>;
}

/**
 * Sends every checkpoint of a sealed log along with the traces, to wherever those are kept: a span of its own, with the
 * signed note as an attribute. The API tells nobody whether a span has arrived, so have another anchor beside it.
 */
export function checkpointAnchor({
  tracerProvider = trace,
}: {
  readonly tracerProvider?: Pick<TracerProvider, "getTracer">;
} = {}): CheckpointAnchor {
  const tracer = tracerProvider.getTracer(SCOPE, VERSION);
  return {
    name: "OpenTelemetry",
    anchor: async (note) => {
      const [origin = "", size = ""] = note.split("\n");
      const attributes = { [CHECKPOINT.origin]: origin, [CHECKPOINT.size]: Number(size), [CHECKPOINT.note]: note };
      tracer.startSpan(CHECKPOINT.span, { attributes }, ROOT_CONTEXT).end();
    },
  };
}
