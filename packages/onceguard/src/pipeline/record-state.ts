import type { EffectContext } from "../core/action.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import type { JsonValue } from "../core/json.ts";
import type { Privacy } from "../core/privacy.ts";
import type { Receipt, StoredResult } from "../core/receipt.ts";
import { type Executed, payloadFor } from "./payload-of.ts";
import type { Runtime } from "./runtime.ts";
import { storedResult } from "./stored-result.ts";

/**
 * What `before` or `after` read, as the log keeps it: canonical, so that two reads of an unchanged record are equal. A
 * record that is not there is `null`, which is something else than one that was not read.
 */
export function stateText(value: unknown, maxBytes: number, privacy: Privacy | null): StoredResult {
  const stored = storedResult(value ?? null, maxBytes, privacy) ?? { omitted: "not_json" };
  return "json" in stored ? { json: canonicalJson(JSON.parse(stored.json) as JsonValue) } : stored;
}

/** The record after a success; null where it is not read, cannot be, or is too large. A success is never put off by it. */
export async function readAfter(
  runtime: Runtime,
  action: Executed,
  receipt: Receipt,
  context: EffectContext,
  result: unknown,
): Promise<string | null> {
  const { definition } = action;
  if (!definition.after) return null;
  try {
    const after: unknown = await definition.after(payloadFor(action, receipt), { ...context, result });
    const state = stateText(after, runtime.maxResultBytes, definition.privacy);
    return "json" in state ? state.json : null;
  } catch (error) {
    runtime.report(error);
    return null;
  }
}
