import { expect, test } from "vitest";
import { TRANSITIONS } from "./lifecycle.ts";
import type { LogEntry } from "./ports.ts";
import { ATTEMPT_EVENTS, recordStates } from "./record-states.ts";

type Line = readonly [event: string, state: LogEntry["state"], before?: string | undefined, after?: string];

function history(...lines: readonly Line[]): LogEntry[] {
  return lines.map(([event, state, before, after], n) => {
    const states = { before: before ?? null, after: after ?? null };
    return { seq: n + 1, at: 100 * (n + 1), event, state, ...states } as LogEntry;
  });
}

test.each<[string, readonly Line[], string | null, string | null, number | null]>([
  ["nothing yet", [["claim", "running"]], null, null, null],
  [
    "one attempt",
    [
      ["claim", "running"],
      ["before", "running", "1"],
      ["success", "succeeded", undefined, "2"],
    ],
    "1",
    "2",
    3,
  ],
  [
    "with its mark",
    [
      ["claim", "running"],
      ["dispatch", "running", "1"],
      ["success", "succeeded", undefined, "2"],
    ],
    "1",
    "2",
    3,
  ],
  [
    "in one commit",
    [
      ["claim", "running"],
      ["success", "succeeded", "1", "2"],
    ],
    "1",
    "2",
    2,
  ],
  [
    "a second attempt, after one that certainly did nothing: what that one read is old",
    [
      ["before", "running", "1"],
      ["definite_failure", "retry_wait"],
      ["retry", "running"],
      ["before", "running", "3"],
      ["success", "succeeded", undefined, "4"],
    ],
    "3",
    "4",
    5,
  ],
  [
    "a re-send, after one that may have done it: what the second one read may be its work",
    [
      ["before", "running", "1"],
      ["indefinite", "in_doubt"],
      ["resend", "running"],
      ["before", "running", "2"],
      ["success", "succeeded", undefined, "2"],
    ],
    "1",
    "2",
    5,
  ],
  [
    "settled by a probe: nobody read what came after",
    [
      ["before", "running", "1"],
      ["indefinite", "in_doubt"],
      ["probe_happened", "succeeded"],
    ],
    "1",
    null,
    3,
  ],
  [
    "a person says no, and has it tried again",
    [
      ["before", "running", "1"],
      ["indefinite", "in_doubt"],
      ["give_up", "review"],
      ["resolve", "retry_wait"],
      ["before", "running", "3"],
      ["success", "succeeded", undefined, "4"],
    ],
    "3",
    "4",
    6,
  ],
  [
    "what came afterwards changes nothing",
    [
      ["before", "running", "1"],
      ["success", "succeeded", undefined, "2"],
      ["replayed", "succeeded"],
      ["late_success", "succeeded"],
      ["compensate", "compensating"],
      ["compensated", "compensated"],
    ],
    "1",
    "2",
    2,
  ],
  [
    "a replay of a failure is no failure",
    [
      ["before", "running", "1"],
      ["replayed", "failed"],
      ["success", "succeeded", undefined, "2"],
    ],
    "1",
    "2",
    3,
  ],
  [
    "handed to a person, certainly not done",
    [
      ["before", "running", "1"],
      ["definite_failure", "review"],
    ],
    null,
    null,
    null,
  ],
  [
    "certainly not done, and nothing follows",
    [
      ["before", "running", "1"],
      ["definite_failure", "failed"],
    ],
    null,
    null,
    null,
  ],
  [
    "a certain no after a doubtful attempt says nothing of that one, and a person knows that it happened",
    [
      ["before", "running", "1"],
      ["indefinite", "in_doubt"],
      ["resend", "running"],
      ["definite_failure", "in_doubt"],
      ["give_up", "review"],
      ["resolve", "succeeded"],
    ],
    "1",
    null,
    6,
  ],
])("%s", (_what, lines, before, after, seq) => {
  const at = seq === null ? null : 100 * seq;
  expect(recordStates(history(...lines))).toEqual({ before, after, effectAt: at, effectSeq: seq });
});

test("attempts are the events of the lifecycle by which something is sent, or may have been", () => {
  // The mark of a dispatch belongs to its claim.
  const sends = TRANSITIONS.filter(({ to, on }) => to === "running" && on !== "dispatch").map(({ on }) => on);
  expect(new Set(ATTEMPT_EVENTS)).toEqual(new Set([...sends, "doubt"]));
});
