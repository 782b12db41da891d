import { isJsonObject, type JsonValue } from "../core/json.ts";

export type Found = "happened" | "did_not_happen" | "cannot_tell";

/** `items[0].id`, or `[0].id` where the answer is a list: names and places, from its root. */
const PATH = /^(?:[A-Za-z_$][\w$-]*|\[\d+\])(?:\.[A-Za-z_$][\w$-]*|\[\d+\])*$/;

export function isAnswerPath(path: unknown): path is string {
  return typeof path === "string" && PATH.test(path);
}

/**
 * What an answer says about whether it happened. Something at the path: it did. "Did not happen" is only what the answer
 * really says: false, null, or a list without that place. A member that is not there at all is another kind of answer (an
 * error page, a changed API), and to take that for a "no" would send the effect again.
 */
export function happenedWhen(answer: JsonValue, path: string): Found {
  let current: JsonValue = answer;
  for (const step of path.match(/[\w$-]+|\[\d+\]/g) ?? []) {
    if (step.startsWith("[")) {
      if (!Array.isArray(current)) return "cannot_tell";
      const at: JsonValue | undefined = current[Number(step.slice(1, -1))];
      if (at === undefined) return "did_not_happen";
      current = at;
    } else {
      if (!isJsonObject(current) || !Object.hasOwn(current, step)) return "cannot_tell";
      current = current[step] as JsonValue;
    }
  }
  if (current === null || current === false || current === "" || current === 0) return "did_not_happen";
  return Array.isArray(current) && current.length === 0 ? "did_not_happen" : "happened";
}
