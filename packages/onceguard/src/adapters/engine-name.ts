import { createHash } from "node:crypto";
import { problemWithName } from "../core/request-id.ts";

/**
 * Engines' ids may be longer than a name of ours, or hold what no log can carry: a digest stands for those. One that is empty
 * stays so, and is refused: it would be the same for all.
 */
export function engineName(text: string): string {
  if (text === "" || problemWithName(text) === null) return text;
  return `sha256:${createHash("sha256").update(text, "utf16le").digest("hex")}`;
}
