import type { Difference } from "../core/diff.ts";
import type { JsonValue } from "../core/json.ts";
import { visible } from "./output.ts";

/** `priority: "normal" -> "high"`; null: nobody has read the record. */
export function changeText(changes: readonly Difference[] | null): string {
  if (changes === null) return "not read";
  if (changes.length === 0) return "no change";
  return changes
    .map(({ path, from, to }) => `${path === "" ? "" : `${visible(path)}: `}${text(from)} -> ${text(to)}`)
    .join(", ");
}

function text(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value);
  return visible(json.length > 60 ? `${json.slice(0, 59)}…` : json);
}
