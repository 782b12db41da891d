import type { Audited } from "../audited.ts";
import type { Finding } from "../rules/finding.ts";

export interface Selection {
  findings: Finding[];
  accepted: { finding: Finding; why: string }[];
  notes: string[];
}

/** Obeys `onceguard-ignore-next-line` comments that give a reason, and says which ones do not. */
export function applyIgnores(ignores: Audited["ignores"], findings: readonly Finding[]): Selection {
  const kept: Finding[] = [];
  const accepted: Selection["accepted"] = [];
  const used = new Set<object>();
  const byPath = new Map(ignores.map((one) => [one.path, one.comments]));
  for (const finding of findings) {
    const comments = byPath.get(finding.place.path) ?? [];
    const comment = comments.find(
      (one) =>
        one.rules.includes(finding.rule) && (one.line === finding.place.line || one.line === finding.place.line - 1),
    );
    if (comment) used.add(comment);
    if (comment && comment.reason !== "") accepted.push({ finding, why: comment.reason });
    else kept.push(finding);
  }
  const notes: string[] = [];
  for (const { path, comments } of ignores)
    for (const one of comments) {
      const at = `${path}:${one.line}`;
      if (one.reason === "")
        notes.push(`${at}: the ignore comment gives no reason and is not obeyed: write "-- why" behind the rule`);
      else if (!used.has(one))
        notes.push(`${at}: the ignore comment for ${one.rules.join(", ")} meets no finding: take it away`);
    }
  return { findings: kept, accepted, notes };
}
