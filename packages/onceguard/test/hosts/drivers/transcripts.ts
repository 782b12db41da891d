import { globSync, readFileSync } from "node:fs";

/** The text of the files that match, where a host keeps its conversations. */
export function transcripts(pattern: string): string {
  return globSync(pattern)
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}
