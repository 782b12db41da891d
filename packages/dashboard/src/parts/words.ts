import type { Json, State } from "../api/types.ts";

/** What a state means, for people who see it for the first time. */
export const STATE_WORDS: Readonly<Record<State, string>> = {
  held: "Nothing was sent. It waits for a person's approval, or for its case.",
  running: "Under way, under a claim of one process.",
  retry_wait: "It has not happened; the next attempt is scheduled.",
  in_doubt: "It may have happened. It is being settled, and not sent again on hope.",
  review: "A person has to decide what became of it.",
  succeeded: "It happened. Every repetition is answered from this receipt.",
  failed: "It certainly did not happen.",
  denied: "Refused; nothing was sent.",
  compensating: "It happened, and is being undone.",
  compensated: "It happened, and was undone.",
  expired: "Settled long ago; its details are gone, and it never runs again.",
};

export function words(name: string): string {
  return name.replaceAll("_", " ");
}

/** Why something waits, where it is the guard that says so. */
const REASONS: Readonly<Record<string, string>> = {
  no_capability: "it may have happened, and only a person can find out",
  key_expired: "it may have happened, and its downstream key has expired",
  retries_exhausted: "it did not go through, and the attempts are used up",
  probe_cannot_tell: "it may have happened, and the probe cannot tell",
  payload_unreadable: "its payload can no longer be read",
  payload_redacted: "its payload is not kept, and its caller has not come back",
  case_taken: "another request has acted on its case",
  waits_for_case: "its case is not final",
  near_duplicate: "something very like it was done a short while ago",
};

export function reasonWords(reason: string): string {
  if (Object.hasOwn(REASONS, reason)) return REASONS[reason] as string;
  return /^[a-z_]+$/.test(reason) ? words(reason) : reason;
}

const LABELS: Readonly<Record<string, string>> = {
  claim: "claimed",
  success: "succeeded",
  definite_failure: "failed for certain",
  indefinite: "outcome unknown",
  lapse: "lease ran out",
  retry: "tried again",
  resend: "sent again under the same key",
  release: "released",
  hold: "held",
  approve: "approved",
  deny: "denied",
  give_up: "handed to a person",
  resolve: "decided by a person",
  reopen: "reopened",
  probe_happened: "probe: it happened",
  probe_did_not_happen: "probe: it did not happen",
  probe_cannot_tell: "probe: cannot tell",
  late_success: "late evidence: it happened",
  late_denial: "late evidence: it did not happen",
  keep_held: "still waiting",
};

export function eventWords(event: string): string {
  return (Object.hasOwn(LABELS, event) ? LABELS[event] : null) ?? words(event);
}

/** `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1_000],
  ] as const;
  for (const [unit, size] of units) if (ms >= size) return `${Math.floor(ms / size)} ${unit}`;
  return "0 s";
}

/** Why somebody asked again, or an attempt was made. */
export function causeWords(cause: string): string {
  return cause === "unknown" ? "no trace of why" : words(cause);
}

export function number(n: number): string {
  return n.toLocaleString("en-GB");
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${number(n)} ${n === 1 ? one : many}`;
}

export function text(value: Json | undefined): string {
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

/** What a person gave as a reason, or what an attempt said, out of an entry of the log. */
export function detailWords(detail: { readonly [name: string]: Json } | null): string {
  if (detail === null) return "";
  const { failure, reason, decision, ...rest } = detail;
  const said = typeof failure === "object" && failure !== null && "message" in failure ? text(failure.message) : null;
  const why = typeof reason === "string" ? reasonWords(reason) : reason;
  const joined = [decision, why, said].filter(Boolean).map((one) => text(one as Json));
  if (joined.length > 0) return joined.join(": ");
  return Object.entries(rest)
    .map(([name, value]) => `${words(name)} ${text(value)}`)
    .join(", ");
}
