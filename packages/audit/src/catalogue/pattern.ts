/**
 * A member chain as the catalogue writes it: `refunds.create`, `*.create` (* is one segment), `create*` (a prefix), `a|b.create`,
 * `from().insert` (a call in between), `send(XCommand)`, `request(mutation)`, `fetch(method in POST,PUT)`.
 */
export interface Pattern {
  text: string;
  /** Segments, with "()" for a call between two of them. */
  segments: string[];
  /** What the first argument has to be: an AWS command, a GraphQL document, an HTTP method. */
  condition:
    | { kind: "command"; name: string }
    | { kind: "mutation" | "query" | "background" | "sql" }
    | { kind: "method"; methods: string[] }
    | null;
}

const METHODS = ["POST", "PUT", "PATCH", "DELETE"];

export function parsePattern(text: string): Pattern {
  const conditional = /^(.*?)\(([^()]+)\)$/.exec(text);
  const chain = conditional ? (conditional[1] ?? "") : text;
  const segments = chain.split(".").flatMap((one) => (one.endsWith("()") ? [one.slice(0, -2), "()"] : [one]));
  return { text, segments, condition: conditional ? parseCondition(conditional[2] ?? "") : null };
}

function parseCondition(text: string): Pattern["condition"] {
  if (text.endsWith("Command")) return { kind: "command", name: text };
  if (text === "mutation" || text === "query" || text === "background" || text === "sql") return { kind: text };
  if (text === "method" || text === "path") return { kind: "method", methods: METHODS };
  return {
    kind: "method",
    methods: text
      .replace(/^method in /, "")
      .split(/[,|]/)
      .map((one) => one.trim().toUpperCase()),
  };
}

/** Does the whole pattern match the whole path? */
export function matches(pattern: Pattern, path: readonly string[]): boolean {
  const { segments } = pattern;
  return segments.length === path.length && segments.every((one, index) => segmentMatches(one, path[index] as string));
}

export function segmentMatches(pattern: string, name: string): boolean {
  if (pattern.includes("|")) return pattern.split("|").some((one) => segmentMatches(one, name));
  // A default export is the package, and none of its names.
  if (pattern === "*") return name !== "()" && name !== "new" && name !== "cb" && name !== "default";
  if (!pattern.includes("*")) return pattern === name;
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.at(-1) ?? "";
  return (
    name.startsWith(head) &&
    name.endsWith(tail) &&
    rest.slice(0, -1).every((one) => name.includes(one)) &&
    name.length >= head.length + tail.length
  );
}
