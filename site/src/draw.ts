import { readFileSync, writeFileSync } from "node:fs";
import { DOCS } from "./addresses.ts";
import { checklistQuestions } from "./checklist-table.ts";
import { diagrams } from "./diagrams/index.ts";
import { transitionTable } from "./diagrams/lifecycle.ts";
import { standalone } from "./diagrams/svg.ts";

/** The files of docs/ that are made from the code, as they should be: path in docs/ to text. */
export function drawnFiles(): ReadonlyMap<string, string> {
  const files = new Map(diagrams().map((diagram) => [`images/${diagram.name}.svg`, standalone(diagram)]));
  for (const [path, name, text] of [
    ["concepts-states.md", "transitions", transitionTable()],
    ["production-checklist.md", "questions", checklistQuestions()],
  ] as const) {
    files.set(path, between(readFileSync(`${DOCS}${path}`, "utf8"), name, text));
  }
  return files;
}

export function writeDrawnFiles(): void {
  for (const [path, text] of drawnFiles()) writeFileSync(`${DOCS}${path}`, text);
}

/** Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`. */
function between(markdown: string, name: string, text: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [markdown.indexOf(open), markdown.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`There is no ${open} ... ${close}.`);
  return `${markdown.slice(0, from + open.length)}\n${text}\n${markdown.slice(to)}`;
}
