import { OnceguardError } from "../../../core/errors.ts";
import { visible } from "../../output.ts";

export type Level = "ok" | "warning" | "problem";

/** One thing Onceguard relies on, and how it stands. What is not well also says why that matters, and how to mend it. */
export interface Check {
  readonly name: string;
  readonly level: Level;
  readonly found: string;
  readonly why?: string;
  readonly mend?: string;
}

export function ok(name: string, found: string): Check {
  return { name, level: "ok", found: visible(found) };
}

export function warning(name: string, found: string, why: string, mend: string): Check {
  return { name, level: "warning", found: visible(found), why, mend };
}

export function problem(name: string, found: string, why: string, mend?: string): Check {
  return { name, level: "problem", found: visible(found), why, ...(mend !== undefined && { mend }) };
}

/** Does a part of the examination; what it throws is a problem of the thing examined, not the end of the rest. */
export async function checksOf<Answer>(
  checks: Check[],
  name: string,
  why: string,
  part: () => Answer | Promise<Answer>,
): Promise<Answer | null> {
  try {
    return await part();
  } catch (error) {
    const mend = error instanceof OnceguardError ? error.docs : undefined;
    checks.push(problem(name, error instanceof Error ? error.message : String(error), why, mend));
    return null;
  }
}
