/**
 * Every name that goes out, in one place. Those of the GenAI conventions are copied strings: the conventions are still
 * in development, and move.
 */

/** OpenTelemetry: general, and GenAI (`open-telemetry/semantic-conventions-genai`). */
export const SEMCONV = {
  errorType: "error.type",
  /** For what has no name of low cardinality. */
  otherError: "_OTHER",
  operationName: "gen_ai.operation.name",
  executeTool: "execute_tool",
  toolName: "gen_ai.tool.name",
  toolType: "gen_ai.tool.type",
  toolCallId: "gen_ai.tool.call.id",
} as const;

/** Onceguard's own attributes. */
export const ATTRIBUTE = {
  action: "onceguard.action",
  riskTier: "onceguard.risk_tier",
  status: "onceguard.status",
  requestId: "onceguard.request_id",
  keySource: "onceguard.key_source",
  attemptNumber: "onceguard.attempt_number",
  fencingToken: "onceguard.fencing_token",
  replayed: "onceguard.replayed",
  failureTier: "onceguard.failure_tier",
  /** Of an effect or a probe: `happened`, `did_not_happen`, `cannot_tell`. */
  answer: "onceguard.answer",
  /** Of a record that was carried on: its state then. */
  state: "onceguard.state",
  store: "onceguard.store",
  verb: "onceguard.store.verb",
  /** Of a link: why it is there. */
  link: "onceguard.link",
} as const;

/** A sealed log's checkpoint, as it leaves the house with the traces. */
export const CHECKPOINT = {
  span: "onceguard.checkpoint",
  origin: "onceguard.checkpoint.origin",
  size: "onceguard.checkpoint.size",
  /** The signed note, whole: what `onceguard verify --anchored` takes. */
  note: "onceguard.checkpoint.note",
} as const;

/** SafeAgent's names, for dashboards that have them already. */
export const SAFEAGENT = {
  sideEffectFired: "safeagent.side_effect_fired",
  receiptReturned: "safeagent.receipt_returned",
} as const;

export const METRIC = {
  executions: "onceguard.executions",
  replays: "onceguard.replays",
  duplicatesPrevented: "onceguard.duplicates_prevented",
  inDoubt: "onceguard.in_doubt",
  reviewsOpen: "onceguard.reviews.open",
  reconcileAge: "onceguard.reconcile.age",
  effectDuration: "onceguard.effect.duration",
  storeDuration: "onceguard.store.duration",
  toolDuration: "gen_ai.execute_tool.duration",
} as const;

/** A host's span around a tool call, by its name: that of the GenAI conventions, and the AI SDK's older one. */
const TOOL_SPAN = /^(?:execute_tool\b|ai\.toolCall\b)/;

/** Whether a span is a tool call already. The API cannot read spans; those of the SDK are open to whoever looks. */
export function isToolSpan(span: unknown): boolean {
  const { name, attributes } = (span ?? {}) as { name?: unknown; attributes?: Readonly<Record<string, unknown>> };
  if (attributes?.[SEMCONV.operationName] === SEMCONV.executeTool) return true;
  return typeof name === "string" && TOOL_SPAN.test(name);
}

/** A code as an attribute; one that reads like prose or a number, or is too long, is not told. */
export function errorType(code: string): string {
  return /^(?:[A-Za-z][A-Za-z0-9_.:-]{0,47}|[0-9A-Z]{5})$/.test(code) ? code : SEMCONV.otherError;
}
