import type { IgnoreComment } from "./model.ts";
import { lineAt } from "./model.ts";

const COMMENT = /onceguard-ignore(?:-next-line)?\s+((?:DUP\d{3})(?:\s*,\s*DUP\d{3})*)\s*(?:--|:|-|—)?\s*(.*)/;

/**
 * `// onceguard-ignore-next-line DUP001 -- the supplier dedupes by order number`
 * The reason is not optional: an ignore without one is reported, not obeyed.
 */
export function readIgnores(
  comments: readonly { value: string; start: number; end: number }[],
  lineStarts: number[],
): IgnoreComment[] {
  const found: IgnoreComment[] = [];
  for (const one of comments) {
    const match = COMMENT.exec(one.value);
    if (!match) continue;
    const rules = (match[1] ?? "").split(",").map((rule) => rule.trim());
    found.push({
      line: lineAt({ lineStarts }, one.end).line,
      rules,
      reason: (match[2] ?? "").replace(/\*+$/, "").trim(),
    });
  }
  return found;
}
