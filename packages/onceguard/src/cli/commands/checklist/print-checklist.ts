import type { ActionChecklist, ChecklistAnswer, ChecklistPoint } from "../../../core/checklist.ts";
import { paint, print, visible, wrapped } from "../../output.ts";

const MARKS: Readonly<Record<ChecklistAnswer, string>> = {
  yes: paint("green", "yes    "),
  no: paint("red", "no     "),
  unknown: paint("yellow", "unknown"),
};

/** Below the question, behind its number and its answer. */
const INDENT = " ".repeat(11);

export function printChecklist({ action, riskTier, promise, items }: ActionChecklist): void {
  const name = visible(action);
  const [head = "", ...more] = wrapped(`${riskTier}; ${promise}`, " ".repeat(name.length + 2));
  print(`${paint("bold", name)}  ${paint("dim", head.trimStart())}`);
  for (const line of more) print(paint("dim", line));
  for (const { number, question, answer, points } of items) {
    const [first = "", ...rest] = wrapped(question, INDENT);
    print(`${number}  ${MARKS[answer]} ${paint("bold", first.slice(INDENT.length))}`);
    for (const line of rest) print(paint("bold", line));
    for (const point of points) printPoint(point);
  }
  print();
}

function printPoint({ answer, found, by, add }: ChecklistPoint): void {
  for (const line of wrapped(visible(found), INDENT)) print(answer === "yes" ? line : paint("yellow", line));
  if (by !== null) printLine("=", by);
  if (add !== null) printLine(answer === "yes" ? "could add" : "add", add);
}

/** The line of configuration that says so, or the one that would. */
function printLine(sign: string, text: string): void {
  const lead = `${sign} `;
  const [first = "", ...rest] = wrapped(visible(text), `${INDENT}  ${" ".repeat(lead.length)}`);
  const style = sign === "add" ? "cyan" : "dim";
  print(paint(style, `${INDENT}  ${lead}${first.trimStart()}`));
  for (const line of rest) print(paint(style, line));
}
