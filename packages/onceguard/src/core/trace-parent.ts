/** W3C Trace Context, level 1: version, trace id, parent id, flags. Later versions may append to it. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
const NO_TRACE = "0".repeat(32);

/** The trace that a caller's `traceparent` names; null for anything that is none. It is told, and decides nothing. */
export function traceIdOf(traceparent: unknown): string | null {
  if (typeof traceparent !== "string" || traceparent.startsWith("ff")) return null;
  const id = TRACEPARENT.exec(traceparent)?.[1] ?? NO_TRACE;
  return id === NO_TRACE ? null : id;
}
