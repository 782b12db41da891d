import type { Project } from "../project/project.ts";
import type { Finding } from "../rules/finding.ts";

export interface Selection {
  findings: Finding[];
  accepted: { finding: Finding; why: string }[];
  notes: string[];
}

/** Obeys `onceguard-ignore-next-line` comments that give a reason, and says which ones do not. */
export function applyIgnores(project: Project, findings: readonly Finding[]): Selection {
  const kept: Finding[] = [];
  const accepted: Selection["accepted"] = [];
  const used = new Set<object>();
  for (const finding of findings) {
    const comments = project.files.get(finding.place.path)?.ignores ?? [];
    const comment = comments.find(
      (one) =>
        one.rules.includes(finding.rule) && (one.line === finding.place.line || one.line === finding.place.line - 1),
    );
    if (comment) used.add(comment);
    if (comment && comment.reason !== "") accepted.push({ finding, why: comment.reason });
    else kept.push(finding);
  }
  const notes: string[] = [];
  for (const file of project.files.values())
    for (const one of file.ignores) {
      const at = `${file.path}:${one.line}`;
      if (one.reason === "")
        notes.push(`${at}: the ignore comment gives no reason and is not obeyed: write "-- why" behind the rule`);
      else if (!used.has(one))
        notes.push(`${at}: the ignore comment for ${one.rules.join(", ")} meets no finding: take it away`);
    }
  return { findings: kept, accepted, notes };
}
