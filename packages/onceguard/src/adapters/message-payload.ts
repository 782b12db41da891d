import { parseStrictJson } from "../core/strict-json.ts";
import { unfit } from "./guarded-job.ts";
import type { Verdict } from "./job-verdict.ts";

/** Delivers what a message carries. One whose text is no JSON never will be. */
export async function withPayload<Result>(
  read: () => unknown,
  deliver: (payload: unknown) => Promise<Verdict<Result>>,
): Promise<Verdict<Result>> {
  let payload: unknown;
  try {
    payload = read();
  } catch (error) {
    return unfit(error);
  }
  return deliver(payload);
}

/** Strict: no key may stand twice. */
export function jsonOf(text: string | null | undefined): unknown {
  return parseStrictJson(text ?? "null");
}
