import { parsePattern, segmentMatches } from "../src/catalogue/pattern.ts";
import type { Sink } from "../src/catalogue/sinks.ts";

/** Every name that the patterns of a sink write out: `chat.postMessage` has two, `a|b.create*` three. */
export function namesOf(sink: Sink): string[] {
  return [...new Set([...sink.write, ...sink.natural].flatMap(namesIn))];
}

export function namesIn(text: string): string[] {
  const { segments, condition } = parsePattern(text);
  const names = segments
    .filter((one) => one !== "()" && one !== "*" && one !== "default")
    .flatMap((one) => one.split("|"));
  return condition?.kind === "command" ? [...names, condition.name] : names;
}

export function nameMatches(pattern: string, name: string): boolean {
  return segmentMatches(pattern, name);
}
