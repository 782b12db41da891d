import type { Random } from "./random.ts";
import type { ActionPlan, Troubles } from "./scenario.ts";

/** What the caller hears: a result, no connection, a broken one, something that nobody knows, or an HTTP status. */
export type Answer = "ok" | "refused" | "reset" | "odd" | number;

/** What becomes of one request, drawn when it is sent. Null: it never gets there, or nobody ever answers. */
export interface Fate {
  readonly kind: string;
  readonly arrivesInMs: number | null;
  readonly does: "effect" | "nothing";
  readonly repliesInMs: number | null;
  readonly reply: Answer;
  readonly heedsAbort: boolean;
}

const FATES = {
  "never sent": 2,
  "lost, reset": 1,
  "lost, silent": 1,
  rejected: 2,
  overloaded: 2,
  "rejected late": 1,
  "broken, not done": 1.5,
  "broken, done": 1.5,
  "done, reset": 2,
  "done, silent": 2,
  late: 3,
  "answered late": 2,
} as const;

export function drawFate(random: Random, { world, longestWayMs }: Troubles, action: ActionPlan): Fate {
  const heedsAbort = random.chance(0.5);
  const quick = (): number => random.int(1, 25);
  const way = (): number => Math.min(longestWayMs, quick());
  const late = (): number => random.int(Math.min(action.timeoutMs, longestWayMs), longestWayMs);
  const fate = (
    kind: string,
    arrivesInMs: number | null,
    does: Fate["does"],
    repliesInMs: number | null,
    reply: Answer,
  ): Fate => ({ kind, arrivesInMs, does, repliesInMs, reply, heedsAbort });
  if (!random.chance(world)) return fate("ok", way(), "effect", quick(), "ok");
  const kind = random.weighted(FATES);
  switch (kind) {
    case "never sent":
      return fate(kind, null, "nothing", quick(), "refused");
    case "lost, reset":
      return fate(kind, null, "nothing", quick(), random.pick(["reset", "odd"]));
    case "lost, silent":
      return fate(kind, null, "nothing", null, "reset");
    case "rejected":
      return fate(kind, way(), "nothing", quick(), random.pick([402, 404, 409, 422, 401]));
    case "overloaded":
      return fate(kind, way(), "nothing", quick(), 429);
    case "rejected late":
      return fate(kind, late(), "nothing", quick(), random.pick([402, 409, 429]));
    case "broken, not done":
      return fate(kind, way(), "nothing", quick(), random.pick([500, 503]));
    case "broken, done":
      return fate(kind, way(), "effect", quick(), random.pick([502, 504]));
    case "done, reset":
      return fate(kind, way(), "effect", quick(), random.pick(["reset", "odd"]));
    case "done, silent":
      return fate(kind, way(), "effect", null, "reset");
    case "late":
      return fate(kind, late(), "effect", random.chance(0.5) ? quick() : null, "ok");
    case "answered late":
      return fate(kind, way(), "effect", random.int(action.timeoutMs, action.timeoutMs * 3), "ok");
  }
}

/** As clients throw them. */
export function errorOf(how: Answer): Error {
  switch (how) {
    case "refused":
      return Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
    case "reset":
      return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" });
    // What nobody knows by its shape says nothing.
    case "odd":
    case "ok":
      return new Error("something went wrong");
    default:
      return Object.assign(new Error(`HTTP ${how}`), {
        status: how,
        ...(how === 429 ? { headers: { "retry-after": "1" } } : {}),
      });
  }
}
