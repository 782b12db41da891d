import { HTTP_STATUS, type Outcome } from "../core/outcome.ts";
import { outcomeOnWire } from "../wire/outcome-wire.ts";
import { OUTCOMES_URL, problemResponse, retryAfter } from "./problem.ts";

/**
 * An outcome as an HTTP response (docs/outcomes.md). From 400 on it is a problem document, whose `code` is the
 * outcome's status.
 */
export function outcomeResponse(outcome: Outcome, more: Readonly<Record<string, unknown>> = {}): Response {
  const code = HTTP_STATUS[outcome.status];
  const headers = headersOf(outcome);
  if (code < 400) return jsonResponse(outcomeDocument(outcome, more), code, headers);
  const { status, ...members } = outcomeDocument(outcome, more);
  const detail = "reason" in outcome ? outcome.reason : "failure" in outcome ? outcome.failure?.message : undefined;
  return problemResponse(
    {
      type: `${OUTCOMES_URL}#${String(status).replaceAll("_", "-")}`,
      title: TITLES[outcome.status],
      status: code,
      code: outcome.status,
      ...(detail === undefined ? {} : { detail }),
      ...members,
    },
    headers,
  );
}

/** As 200, whatever it is: for what was asked about, or was decided on. */
export function outcomeDocument(
  outcome: Outcome,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return { ...outcomeOnWire(outcome), ...more, next: nextWords(outcome) };
}

export function jsonResponse(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  });
}

function headersOf(outcome: Outcome): Record<string, string> {
  return {
    ...(outcome.status === "replayed" && { "idempotent-replayed": "true" }),
    ...("retryAfterMs" in outcome && { "retry-after": retryAfter(outcome.retryAfterMs) }),
  };
}

const TITLES: Readonly<Record<Outcome["status"], string>> = {
  executed: "It is done",
  replayed: "It was done before",
  skipped: "The same was done a short while ago",
  in_doubt: "It may have happened",
  review: "A person has to decide",
  held: "It waits",
  denied: "It is not allowed",
  in_progress: "It is under way",
  expired: "It was settled long ago",
  mismatch: "This request id stands for something else",
  failed: "It certainly did not happen",
  halted: "It is stopped",
  retry_later: "It has not happened yet",
  unavailable: "The store cannot be reached",
};

/** What a program, or whoever wrote it, should do now. */
export function nextWords(outcome: Outcome): string {
  switch (outcome.status) {
    case "executed":
      return "Done.";
    case "replayed":
      return "It was done earlier; nothing was sent now. Treat it as done.";
    case "skipped":
      return "Not done: the same was done on this record a short while ago (see receipt).";
    case "in_doubt":
      return "It may have happened. Do not do it again in any other way. Ask for the receipt later, or send the same request again: it is not executed twice.";
    case "in_progress":
      return "It is under way and continues without you. Ask for the receipt, or send the same request again.";
    case "retry_later":
      return "It has not happened; a retry is scheduled. Ask for the receipt, or send the same request again.";
    case "held":
      return outcome.waitsFor === "case"
        ? "Nothing was sent. It runs by itself once its case is final."
        : "Nothing was sent. It runs by itself once a person has approved it.";
    case "review":
      return "A person has to decide what became of it. Do not do it again in any other way; ask for the receipt later.";
    case "failed":
      return "It certainly did not happen, and repeating it gives the same answer.";
    case "mismatch":
      return "Nothing was sent. This id already stands for another payload or action: a new intent needs a new id, a repetition the original payload.";
    case "denied":
      return "Nothing was sent, and it will not be.";
    case "expired":
      return "It was settled long ago, its details are gone, and it never runs again.";
    case "halted":
      return "Nothing was sent. A person has to resume it.";
    case "unavailable":
      return "Nothing was sent by this request. Send the same request again later.";
  }
}
