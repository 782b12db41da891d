import type { Effect } from "./contender.ts";
import type { Plan } from "./world.ts";

/** Where a worker can be killed. All are triggered by a message that has come or is about to go, never by a time. */
export type Point =
  | "delivery_received"
  | "first_write_sending"
  | "first_write_applied"
  | "effect_sending"
  | "world_accepted"
  | "world_read"
  | "world_committed"
  | "world_answered"
  | "outcome_sending"
  | "outcome_applied"
  | "caller_telling"
  | "caller_told";

export type Script =
  | { readonly kind: "nothing" }
  /** `again`: and the next worker too, when it first asks the world for anything about this intent. */
  | { readonly kind: "kill"; readonly at: Point; readonly again?: true }
  | { readonly kind: "world"; readonly plan: Plan }
  /** Killed when the world has done it, and delivered again only when the world has forgotten the key. */
  | { readonly kind: "forgotten_key"; readonly keyLifetimeMs: number }
  | { readonly kind: "twice"; readonly processes: 1 | 2 }
  | { readonly kind: "replanned" }
  | { readonly kind: "zombie"; readonly at: "effect_sending" | "world_committed" }
  | { readonly kind: "outage"; readonly when: "before" | "after" }
  | { readonly kind: "restored" }
  | { readonly kind: "raise"; readonly when: "before" | "after"; readonly every: boolean };

export interface Fault {
  readonly name: string;
  readonly group: "none" | "crash" | "answer" | "caller" | "store" | "reported";
  /** What happens, in a sentence. */
  readonly sentence: string;
  readonly script: Script;
  /** Default 1. 0: the world refuses, so that `failed` is the right answer. */
  readonly wanted?: 0;
  /** Only in worlds that can have it. Default: all. */
  readonly only?: readonly Effect[];
}

const kill = (number: number, at: Point, sentence: string): Fault => ({
  name: `crash-${String(number).padStart(2, "0")}`,
  group: "crash",
  sentence: `The worker is killed when ${sentence}.`,
  script: { kind: "kill", at },
});

const world = (name: string, sentence: string, plan: Plan, more: Partial<Fault> = {}): Fault => ({
  name,
  group: "answer",
  sentence,
  script: { kind: "world", plan },
  ...more,
});

/** The schedule, in the order in which it is run. */
export const FAULTS: readonly Fault[] = [
  { name: "clean", group: "none", sentence: "Nothing goes wrong.", script: { kind: "nothing" } },

  kill(1, "delivery_received", "it has received the delivery and done nothing yet"),
  kill(2, "first_write_sending", "its first write to the store is about to leave"),
  kill(3, "first_write_applied", "the store has applied its first write and the answer is still on the way"),
  kill(4, "effect_sending", "it has the store's answer and is about to send the effect"),
  kill(5, "world_accepted", "the world has accepted its connection and read nothing"),
  kill(6, "world_read", "the world has read its request and not acted on it (and now never does)"),
  kill(7, "world_committed", "the world has done it and not answered yet"),
  kill(8, "world_answered", "the world's answer is sent and not yet read"),
  kill(9, "outcome_sending", "its first write to the store after the effect is about to leave"),
  kill(10, "outcome_applied", "the store has applied that write and the answer is still on the way"),
  kill(11, "caller_telling", "all is recorded and the caller has not been told"),
  kill(12, "caller_told", "the caller has been told; the caller dies too, and delivers again"),
  {
    name: "crash-13",
    group: "crash",
    sentence:
      "The worker is killed when the world has done it and not answered, and its successor when it first asks the world.",
    script: { kind: "kill", at: "world_committed", again: true },
  },

  world("lost-response", "The world does it and the connection is reset before the answer.", {
    steps: ["reset_after"],
  }),
  world("timeout", "The world does it and does not answer within the client's timeout of two seconds.", {
    steps: ["silent_after"],
  }),
  world("500-after", "The world does it and answers 500.", { steps: ["500_after"] }),
  world("503-before", "The world answers 503 and does not do it; the next call would go through.", {
    steps: ["503_before"],
  }),
  world("429-before", "The world answers 429 and does not do it; the next call would go through.", {
    steps: ["429_before"],
  }),
  world(
    "400-refused",
    "The world refuses with 400, however often it is asked.",
    { steps: Array.from({ length: 40 }, () => "400_before" as const) },
    { wanted: 0 },
  ),
  world(
    "replayed-error",
    "The world answers 500 without doing it, and gives that answer again under the same key.",
    { steps: ["500_instead"] },
    { only: ["payment"] },
  ),
  world(
    "lookup-lag",
    "The response is lost, and look-ups show what was done only after a second and a half.",
    { steps: ["reset_after"], lookupLagMs: 1_500 },
    { only: ["ticket"] },
  ),
  {
    name: "key-expired",
    group: "answer",
    sentence:
      "The worker is killed when the world has done it, and delivered again when the world has forgotten the key.",
    script: { kind: "forgotten_key", keyLifetimeMs: 1_500 },
    only: ["payment"],
  },

  {
    name: "twice-1-process",
    group: "caller",
    sentence: "The same intent is delivered twice at the same time to one process.",
    script: { kind: "twice", processes: 1 },
  },
  {
    name: "twice-2-processes",
    group: "caller",
    sentence: "The same intent is delivered at the same time to two processes on the same store.",
    script: { kind: "twice", processes: 2 },
  },
  {
    name: "re-planned",
    group: "caller",
    sentence: "It is done; the agent has forgotten that, and asks again in other words and with another tool-call id.",
    script: { kind: "replanned" },
  },
  {
    name: "zombie",
    group: "caller",
    sentence: "The worker freezes when the world has done it, another takes over, and then the first one wakes up.",
    script: { kind: "zombie", at: "world_committed" },
  },
  {
    name: "zombie-unsent",
    group: "caller",
    sentence:
      "The worker freezes just before it sends the effect, another takes over, and then the first one wakes up.",
    script: { kind: "zombie", at: "effect_sending" },
  },

  {
    name: "outage-before",
    group: "store",
    sentence: "The store refuses connections when the delivery arrives, and is back when the caller tries again.",
    script: { kind: "outage", when: "before" },
  },
  {
    name: "outage-after",
    group: "store",
    sentence: "The store goes away when the world has done it, and is back when the caller tries again.",
    script: { kind: "outage", when: "after" },
  },

  {
    name: "raised-before",
    group: "reported",
    sentence: "The tool raises an error before its effect, once.",
    script: { kind: "raise", when: "before", every: false },
  },
  {
    name: "raised-after",
    group: "reported",
    sentence: "The tool raises an error after its effect, once.",
    script: { kind: "raise", when: "after", every: false },
  },
  {
    name: "raised-after-always",
    group: "reported",
    sentence: "The tool raises an error after its effect, whenever it is run.",
    script: { kind: "raise", when: "after", every: true },
  },

  {
    name: "restored-backup",
    group: "store",
    sentence: "After the effect the store is put back to a backup from before it, and the caller delivers again.",
    script: { kind: "restored" },
  },
];
