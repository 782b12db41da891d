import { parsePattern } from "../src/catalogue/pattern.ts";
import type { Sink } from "../src/catalogue/sinks.ts";

const METHOD = /^(?:POST|PUT|PATCH|DELETE)$/;

/** Every pattern of a sink that names something: its writes, reads and natural writes, and how its client is made. */
export function asksOf(sink: Sink): string[] {
  const clients = sink.client.map((one) => one.replace(/^new /, "").replace(/\(\.\.\.\)$/, ""));
  return [...new Set([...clients, ...sink.write, ...sink.read, ...sink.natural])].filter((one) =>
    parsePattern(one).segments.some(
      (segment) => segment !== "()" && segment !== "*" && segment !== "default" && !METHOD.test(segment),
    ),
  );
}
