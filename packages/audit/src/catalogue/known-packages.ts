import { REGISTRATIONS } from "../contexts/registrations.ts";
import { SINKS } from "./sinks.ts";

const SINK_PACKAGES = new Set(SINKS.flatMap((one) => one.packages));
const SEEN = new Map<string, boolean>();

/** Does the catalogue say what the names of a package mean? Then its own sources, in a workspace, tell nothing more. */
export function isKnownPackage(name: string): boolean {
  let known = SEEN.get(name);
  if (known === undefined) {
    known = SINK_PACKAGES.has(name) || REGISTRATIONS.some((one) => one.packages.test(name));
    SEEN.set(name, known);
  }
  return known;
}
