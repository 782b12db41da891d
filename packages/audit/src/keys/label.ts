import type { AuditedBoundary } from "../audit.ts";
import { isStrong } from "../guards/guard.ts";

/** One word for what protects a boundary. */
export type Protection =
  | "no"
  | "key"
  | "key-optional"
  | "key-unstable"
  | "key-coarse"
  | "key-misplaced"
  | "natural"
  | "state-check"
  | "signed-payload"
  | "human-approval"
  | "guarded";

const OF_KEY = {
  stable: "key",
  optional: "key-optional",
  unstable: "key-unstable",
  "in-attempt": "key-unstable",
  coarse: "key-coarse",
  misplaced: "key-misplaced",
  signed: "signed-payload",
} as const;

/** The strongest thing that holds on every way to the boundary. */
export function labelOf({ boundary, key, paths, guards, ownGuards }: AuditedBoundary): Protection {
  if (key.kind !== "none") return OF_KEY[key.kind];
  if (boundary.natural) return "natural";
  const ways = paths.map((one) => guards.get(one.context.family) ?? []);
  const everywhere = (test: (kinds: string[], strong: boolean) => boolean) =>
    (ways.length === 0 ? [ownGuards] : ways).every((guard) =>
      test(
        guard.map((one) => one.kind),
        guard.some(isStrong),
      ),
    );
  if (everywhere((_, strong) => strong)) return "guarded";
  if (everywhere((kinds, strong) => strong || kinds.includes("event-id"))) return "guarded";
  if (everywhere((kinds, strong) => strong || kinds.includes("approval"))) return "human-approval";
  if (everywhere((kinds, strong) => strong || kinds.length > 0)) return "state-check";
  return "no";
}
