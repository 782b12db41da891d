import type { Side } from "../messages.ts";
import type { Fault } from "../provider-client.ts";

/** What has happened, as the page is told and as a recording keeps it. The names are those of the JSON. */
export type What =
  /** An invoice is to be paid: one intent. */
  | { readonly what: "intent"; readonly title: string; readonly provider: "keys" | "lookup"; readonly calls: number }
  /** The same intent once more. */
  | { readonly what: "retry" }
  | { readonly what: "agent"; readonly side: Side; readonly pid: number }
  | { readonly what: "call"; readonly side: Side; readonly pid: number; readonly note: string }
  /** An entry of the guard's log; equal replays share one, with how many they were. */
  | {
      readonly what: "guard";
      readonly side: Side;
      readonly event: string;
      readonly state: string | null;
      readonly times: number;
    }
  | { readonly what: "request"; readonly side: Side }
  /** The provider was asked what it has paid. */
  | { readonly what: "lookup"; readonly side: Side; readonly found: number }
  /** A line of the provider's ledger, with how many of them there are by now. */
  | { readonly what: "paid"; readonly side: Side; readonly payment_id: string; readonly amount_cents: number }
  | { readonly what: "answer"; readonly side: Side; readonly fault: Fault | null; readonly known: boolean }
  | { readonly what: "killed"; readonly side: Side; readonly pid: number }
  | { readonly what: "error"; readonly side: Side; readonly pid: number; readonly error: string }
  | { readonly what: "told"; readonly side: Side; readonly pid: number; readonly status: string }
  /** Nothing moves any more; counted in the ledger's file, for this intent and for all so far. */
  | {
      readonly what: "settled";
      readonly unguarded: Count;
      readonly guarded: Count;
      readonly problems: readonly string[];
    }
  /** It did not work out; this is about the demo, and not about a payment. */
  | { readonly what: "trouble"; readonly message: string };

export interface Count {
  readonly payments: number;
  readonly total_payments: number;
  readonly total_cents: number;
}

export type Happening = What & {
  /** Which intent, from 1. */
  readonly intent: number;
  /** Milliseconds since the first one. */
  readonly at: number;
};

/** What causes what, for things of the same millisecond. */
const ORDER: readonly What["what"][] = [
  "intent",
  "retry",
  "agent",
  "call",
  "request",
  "lookup",
  "paid",
  "answer",
  "killed",
  "guard",
  "error",
  "told",
  "settled",
  "trouble",
];

/** A guard writes its intention before it sends, and everything else after it has heard. */
const BEFORE_SENDING: ReadonlySet<string> = new Set(["claim", "resend", "retry"]);

export function inOrder(a: Happening, b: Happening): number {
  return a.at - b.at || rank(a) - rank(b);
}

function rank(one: What): number {
  const isIntention = one.what === "guard" && BEFORE_SENDING.has(one.event);
  return isIntention ? ORDER.indexOf("request") - 0.5 : ORDER.indexOf(one.what);
}
