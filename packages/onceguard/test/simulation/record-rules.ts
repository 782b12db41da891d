import { TRANSITIONS } from "../../src/core/lifecycle.ts";
import type { LogEntry } from "../../src/core/ports.ts";
import { isTerminal, type Receipt } from "../../src/core/receipt.ts";
import { type ActionPlan, WOBBLE_MS } from "./scenario.ts";

/** What is wrong with a change of a record, whatever happened outside: rule and finding, or null. */
export type Finding = readonly [rule: string, what: string] | null;

/** Another claim: these and no others raise the fence. */
const CLAIMS = new Set(["release", "retry", "resend"]);
/** A person who looked, an authoritative probe, or the effect itself: these and no others settle a doubt. */
const SETTLES_DOUBT = new Set(["success", "late_success", "probe_happened", "probe_did_not_happen", "resolve"]);
/** What may still become of a terminal record. */
const AFTER_THE_END = new Set(["reopen", "compensate", "expire", "late_success", "late_denial"]);

/** @param entry the log's line about this change. */
export function problemWithChange(
  before: Receipt | null,
  after: Receipt,
  entry: LogEntry | undefined,
  action: ActionPlan | undefined,
): Finding {
  if (before !== null && before.version === after.version) return problemWithSameVersion(before, after);
  const from = before?.state ?? "absent";
  const step = `${from} -> ${after.state} by ${entry?.event}`;
  if (entry === undefined || entry.state !== after.state || entry.fencingToken !== after.fencingToken) {
    return ["every change is in the log", step];
  }
  if (after.version !== (before?.version ?? 0) + 1) {
    return ["version +1 per change", `${step}: ${before?.version ?? 0} to ${after.version}`];
  }
  const inTable = TRANSITIONS.some(
    ({ from: states, on, to }) =>
      on === entry.event && states.includes(from) && (to === "same" ? from : to) === after.state,
  );
  if (!inTable) return ["states change along the table", step];
  if (before === null) return problemWithFirst(after);
  if (isTerminal(before.state) && !AFTER_THE_END.has(entry.event)) return ["terminal states stay", step];
  return (
    problemWithNumbers(before, after, entry, step) ??
    problemWithDoubt(before, after, entry, step) ??
    problemWithTime(before, after, entry, step, action) ??
    problemWithIdentity(before, after)
  );
}

function problemWithFirst(after: Receipt): Finding {
  const runs = after.state === "running" ? 1 : 0;
  return after.fencingToken === runs && after.attemptNumber === runs && after.generation === 1
    ? null
    : ["a first claim has fence 1", `${after.state}: fence ${after.fencingToken}, attempt ${after.attemptNumber}`];
}

/** A renewal and a look at a case move `dueAt`, and nothing else. */
function problemWithSameVersion(before: Receipt, after: Receipt): Finding {
  for (const field in after) {
    if (field === "dueAt" || field === "readAt") continue;
    if (after[field as keyof Receipt] === before[field as keyof Receipt]) continue;
    return ["version +1 per change", `${field} of a ${after.state} record changed without one`];
  }
  return null;
}

function problemWithNumbers(before: Receipt, after: Receipt, entry: LogEntry, step: string): Finding {
  const fence = before.fencingToken + (CLAIMS.has(entry.event) ? 1 : 0);
  if (after.fencingToken !== fence) {
    return [
      "the fence rises with each claim, and only then",
      `${step}: ${before.fencingToken} to ${after.fencingToken}`,
    ];
  }
  const again = entry.event === "reopen" || (entry.event === "resolve" && after.state === "retry_wait");
  if (after.generation === before.generation + (again ? 1 : 0)) return null;
  return ["the generation rises by a person only", `${step}: ${before.generation} to ${after.generation}`];
}

function problemWithDoubt(before: Receipt, after: Receipt, entry: LogEntry, step: string): Finding {
  const { event } = entry;
  if (before.mayHaveApplied && !after.mayHaveApplied && !SETTLES_DOUBT.has(event)) {
    return ["mayHaveApplied is sticky", step];
  }
  if (event === "definite_failure" && before.mayHaveApplied && after.state !== "in_doubt") {
    return ["a later failure settles no earlier doubt", step];
  }
  const unsent = event === "lapse" && before.dispatched === false && !before.mayHaveApplied;
  const indefinite = event === "indefinite" || event === "lapse" || event === "shutdown";
  if (indefinite && !unsent && (after.state !== "in_doubt" || !after.mayHaveApplied)) {
    return ["an indefinite outcome is a doubt", step];
  }
  const looked = event === "reopen" || event === "resolve";
  return before.conflict && !after.conflict && !looked ? ["a conflict stays until a person has looked", step] : null;
}

/** What the store itself has to see, by its clock, in the moment of the change. */
function problemWithTime(
  before: Receipt,
  after: Receipt,
  entry: LogEntry,
  step: string,
  action: ActionPlan | undefined,
): Finding {
  const at = after.updatedAt;
  switch (entry.event) {
    case "lapse":
      return (before.dueAt ?? 0) > at ? ["a lease lapses when it is over", step] : null;
    case "release":
      return at > (before.hold?.approval?.expiresAt ?? at) ? ["consent that has run out is none", step] : null;
    case "retry":
      return (before.dueAt ?? 0) > at + 2 * WOBBLE_MS ? ["backoffs are waited for", step] : null;
    case "resend": {
      const until = before.generationAt + (action?.key?.lifetimeMs ?? 0) - (action?.key?.marginMs ?? 0);
      return at > until ? ["a key is used while it is known", `${step}: ${at - until} ms too late`] : null;
    }
    case "probe_did_not_happen": {
      const settledAt = (before.attemptEndedAt ?? 0) + (action?.settleMs ?? 0) - 2 * WOBBLE_MS;
      const asked = entry.actor === before.actor;
      return asked && at < settledAt ? ["a probe counts once it can have seen it", step] : null;
    }
    default:
      return null;
  }
}

const IDENTITY = ["tenant", "requestId", "explicitId", "action", "recordId", "fingerprint", "caseId"] as const;

function problemWithIdentity(before: Receipt, after: Receipt): Finding {
  const changed = IDENTITY.find((field) => before[field] !== after[field]);
  return changed === undefined ? null : ["identity never changes", changed];
}
