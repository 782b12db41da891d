/** Longest error message kept, in UTF-16 code units. */
const MAX_MESSAGE = 1_000;

/** Longest code taken over from an error: a code is a name, and whatever is longer is not one. */
const MAX_CODE = 64;

export type AnyObject = Record<string, unknown>;

export function isObject(value: unknown): value is AnyObject {
  return typeof value === "object" && value !== null;
}

/** What was thrown can be anything, and to fail here would lose the outcome: what cannot be read says nothing. */
export function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The value at a path, `undefined` where the path ends early. Throws what a getter throws: call it inside `readable`. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const key of path) {
    if (!isObject(here)) return undefined;
    here = here[key];
  }
  return here;
}

/** The text at a path; nothing where there is something else. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === "string" ? found : undefined;
}

/** The number at a path; nothing where there is something else. */
export function numberAt(value: unknown, ...path: readonly string[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === "number" ? found : undefined;
}

/** `error.code`, where it is a name that can be kept. */
export function codeOf(error: unknown): string | undefined {
  const code = textAt(error, "code");
  return code !== undefined && code !== "" && code.length <= MAX_CODE ? code : undefined;
}

/** The name of an error; a DOMException, a class and a plain object have it alike. */
export function nameOf(error: unknown): string | undefined {
  return textAt(error, "name");
}

/** The message of whatever was thrown, cut to what fits a receipt. Never throws. */
export function messageOf(error: unknown): string {
  const text =
    readable(() => (isObject(error) && typeof error.message === "string" ? error.message : String(error))) ??
    "an error that has no text";
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
}
