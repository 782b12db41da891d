import type { Held } from "../../core/outcome.ts";
import type { RiskTier } from "../../core/policy.ts";

/**
 * In the guard's words and with what would be executed: the payload that was recorded first, which may have other prose
 * than that of this call.
 */
export function question(
  { requestId, reasons, receipt }: Held,
  {
    action,
    riskTier,
    given,
  }: { readonly action: string; readonly riskTier: RiskTier | undefined; readonly given: unknown },
): string {
  const recorded = receipt?.payload ? (JSON.parse(receipt.payload) as unknown) : given;
  const payload = JSON.stringify(recorded, null, 1);
  const cut =
    payload.length > LONGEST_SHOWN ? `${payload.slice(0, LONGEST_SHOWN)}… (${payload.length} characters)` : payload;
  const why = reasons.length === 0 ? "" : `\nWhy you are asked: ${reasons.join("; ")}`;
  const tier = riskTier?.replace("_", "-") ?? "unknown";
  return `Approve ${action} (${tier})?\n${visible(cut)}${why}\nRequest: ${requestId}`;
}

const LONGEST_SHOWN = 4_000;

/** Characters that turn text around or hide it: what a person approves must be what is there. */
function visible(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
