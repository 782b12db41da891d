import type { AuditedBoundary } from "../audit.ts";
import { type Guard, isStrong } from "../guards/guard.ts";
import type { RetryPath } from "../reach/find-paths.ts";

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
export function labelOf(one: AuditedBoundary): Protection {
  const ways = one.paths.map((path) => guardsOn(one, path));
  return protectionOf(one, ways.length === 0 ? [one.ownGuards] : ways);
}

/** The strongest thing that holds on one way to it. */
export function protectionOn(one: AuditedBoundary, path: RetryPath): Protection {
  return protectionOf(one, [guardsOn(one, path)]);
}

function guardsOn({ guards }: AuditedBoundary, path: RetryPath): Guard[] {
  return guards.get(path.context.family) ?? [];
}

function protectionOf({ boundary, key }: AuditedBoundary, ways: readonly Guard[][]): Protection {
  if (key.kind !== "none") return OF_KEY[key.kind];
  if (boundary.natural) return "natural";
  const everywhere = (test: (kinds: string[], strong: boolean) => boolean) =>
    ways.every((guard) =>
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
