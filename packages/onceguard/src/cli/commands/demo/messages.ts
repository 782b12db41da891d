import type { AccountTerms, Fault } from "./provider-client.ts";

/** What the demo and its processes say to each other, over Node's own channel between parent and child. */

/** A place where a process can be killed. */
export type KillPoint =
  /** The tool has been called (and guarded: the claim is stored), and nothing has been sent yet. */
  | "before_send"
  /** The payment is on the provider's disk, and the agent has not heard of it. */
  | "after_commit";

export interface ProviderJob {
  readonly ledger: string;
}

export type ProviderMessage =
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "received"; readonly account: string; readonly at: number }
  /** A payment was written to the ledger and fsynced; its answer has not been sent yet. */
  | { readonly type: "committed"; readonly account: string }
  /** `known`: the key had been used, and nothing new was paid. */
  | {
      readonly type: "answered";
      readonly account: string;
      readonly at: number;
      readonly fault: Fault | null;
      readonly known: boolean;
    }
  | { readonly type: "looked_up"; readonly account: string; readonly at: number; readonly found: number };

export interface AgentJob {
  readonly side: Side;
  readonly provider: string;
  readonly account: string;
  readonly terms: AccountTerms;
  readonly store: string;
  readonly runId: string;
  readonly invoice: string;
  readonly amountCents: number;
  /** How often this process decides to pay the invoice, all at the same time. */
  readonly calls: number;
  /** How often an error is answered with another call. */
  readonly maxTries: number;
  /** How long the payment tool waits for the provider. */
  readonly timeoutMs: number;
  /** Which of its wordings the "model" starts with: another plan, other prose. */
  readonly wording: number;
  /** Stop right before the payment is sent, say so, and wait to be killed. */
  readonly pauseBeforeSend: boolean;
}

export type Side = "unguarded" | "guarded";

/** How one decision to pay ended, as the agent sees it. */
export interface Answer {
  /** `paid`, the guard's status (`executed`, `replayed`), or `error`. */
  readonly status: string;
  readonly tries: number;
  readonly payment_id: string | null;
  readonly error: string | null;
}

export type AgentMessage =
  | { readonly type: "ready" }
  | { readonly type: "before_send" }
  | { readonly type: "called"; readonly at: number; readonly call: string; readonly note: string }
  | { readonly type: "failed"; readonly at: number; readonly call: string; readonly error: string }
  | { readonly type: "answered"; readonly at: number; readonly answer: Answer }
  | { readonly type: "done"; readonly answers: readonly Answer[] };
