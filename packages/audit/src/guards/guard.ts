import type { FunctionFact } from "../facts/model.ts";

export type GuardKind =
  /** Onceguard runs the effect. */
  | "onceguard"
  /** Another library that remembers what was done. */
  | "library"
  /** A row with a unique key is inserted before the effect. */
  | "unique-insert"
  /** The id of the event or job is looked up before the effect. */
  | "event-id"
  /** A person decides before the effect. */
  | "approval"
  /** Something is read and decided on: two at the same time both pass, and a crash in between is not seen. */
  | "state-check";

export interface Guard {
  kind: GuardKind;
  detail: string;
  at: { fn: FunctionFact; pos: number };
}

/** Strong guards make a second run harmless; the others only make it rarer. */
export function isStrong(guard: Guard): boolean {
  return guard.kind === "onceguard" || guard.kind === "library" || guard.kind === "unique-insert";
}
