import { SpanKind } from "@opentelemetry/api";
import type { CarryOnEnding, ToldReceipt, Watched } from "../core/telemetry.ts";
import { executions } from "./executions.ts";
import { ATTRIBUTE } from "./semantic-conventions.ts";
import { attemptAttributes, fail, linkTo, requestAttributes, type Tools } from "./tools.ts";
import { WatchedSpan } from "./watched-span.ts";

/** A stored request that is carried on without its caller: linked to where it was first made, or asked for. */
export function watchCarryOn(tools: Tools, receipt: ToldReceipt): Watched<CarryOnEnding> {
  const { action, riskTier, keySource, state } = receipt;
  const original = executions.of(receipt);
  const span = tools.tracer.startSpan(`onceguard reconcile ${action}`, {
    kind: SpanKind.INTERNAL,
    attributes: { ...requestAttributes(receipt), [ATTRIBUTE.keySource]: keySource },
    links: original ? [linkTo(original)] : [],
  });
  tools.gauges.knows(action);
  return new WatchedSpan<CarryOnEnding>(span, (ending) => {
    if ("error" in ending) return fail(span, ending.error);
    const { receipt: after } = ending;
    span.setAttributes({ ...attemptAttributes(after), [ATTRIBUTE.state]: after.state });
    if (after.state !== "succeeded" || state === "succeeded") return;
    tools.instruments().executions.add(1, { [ATTRIBUTE.action]: action, [ATTRIBUTE.riskTier]: riskTier });
  });
}
