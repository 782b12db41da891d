import type { LogEntry } from "../core/ports.ts";
import { visible } from "./output.ts";

/** What is particular to an event, in words where it has some. */
export function logDetail({ detail }: LogEntry): string | null {
  if (detail === null) return null;
  const { failure, reason, decision, ...rest } = JSON.parse(detail) as Record<string, unknown>;
  const words = [decision, reason, (failure as { message?: string } | undefined)?.message].filter(Boolean).join(": ");
  return visible(words || JSON.stringify(rest));
}
