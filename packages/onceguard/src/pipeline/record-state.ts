import type { AnyAction, EffectContext } from "../core/action.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import type { JsonValue } from "../core/json.ts";
import type { Receipt, StoredResult } from "../core/receipt.ts";
import { payloadOf } from "./payload-of.ts";
import type { Runtime } from "./runtime.ts";
import { storedResult } from "./stored-result.ts";

/**
 * What `before` or `after` read, as the log keeps it: canonical, so that two reads of an unchanged record are equal. A
 * record that is not there is `null`, which is something else than one that was not read.
 */
export function stateText(value: unknown, maxBytes: number): StoredResult {
  const stored = storedResult(value ?? null, maxBytes) ?? { omitted: "not_json" };
  return "json" in stored ? { json: canonicalJson(JSON.parse(stored.json) as JsonValue) } : stored;
}

/** The record after a success; null where it is not read, cannot be, or is too large. A success is never put off by it. */
export async function readAfter(
  runtime: Runtime,
  definition: AnyAction,
  receipt: Receipt,
  context: EffectContext,
  result: unknown,
): Promise<string | null> {
  if (!definition.after) return null;
  try {
    const state = stateText(await definition.after(payloadOf(receipt), { ...context, result }), runtime.maxResultBytes);
    return "json" in state ? state.json : null;
  } catch (error) {
    runtime.report(error);
    return null;
  }
}
