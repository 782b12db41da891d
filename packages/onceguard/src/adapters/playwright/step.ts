import type { ActionOptions, EffectContext, ProbeAnswer } from "../../core/action.ts";
import type { Duration } from "../../core/duration.ts";
import type { EvidenceOptions } from "./evidence.ts";
import type { EffectRequest } from "./gate.ts";
import type { PageLike } from "./page-like.ts";
import type { Answer, SentBy } from "./send.ts";

/** The options of an action that a step takes as they are. What undoes it is a step of its own. */
export type StepRule<Payload, Result> = Omit<
  ActionOptions<string, Payload, Payload, Result>,
  "execute" | "probe" | "before" | "after" | "expect" | "compensate" | "transaction"
>;

/**
 * One submit, payment, send or delete in a page: what names it, what is done, and which request makes the effect. The options of
 * an action (`riskTier`, `keyFields`, `record`, `timeout`, `retry`, ...) are its options too.
 */
export interface Step<Page extends PageLike, Payload, Result, Seen extends object> extends StepRule<Payload, Result> {
  readonly payload: Payload;
  /** What is done in the page. Done again when nothing was sent, so it begins wherever that may have left the page. */
  readonly act: (page: Page, payload: Payload) => Promise<unknown>;
  /** The request that makes the effect: it goes out once per step, and from this context's first step on only in one. */
  readonly request: EffectRequest;
  /**
   * What is kept of a success and replayed: from the answer, or from what the page then shows. A site that says no with a
   * status of 200 is told apart here: `throw effectError({ certainty: "definite", ... })`.
   */
  readonly result: (answer: Answer, page: Page) => Promise<Result> | Result;
  /**
   * Reads whether it happened: a list of orders, a mailbox. In a page of its own, with the cookies of the step's; the page itself
   * where its context takes no other (`browser.newPage()`). Must change nothing.
   */
  readonly probe?: (page: Page, payload: Payload, context: EffectContext) => Promise<ProbeAnswer<Result>>;
  /** Reads what the page shows, before and after: for `expect`, and for the action log. */
  readonly read?: (page: Page, payload: Payload) => Promise<Seen>;
  /** Looked at before anything is done, with what `read` read: false, or a text that says what is off, and nothing is sent. */
  readonly expect?: (payload: Payload, seen: Seen) => boolean | string;
  /** Screenshots before and after, on the disk; the action log has their names and digests. */
  readonly evidence?: EvidenceOptions<Page>;
  /** Default `playwright`. See `SentBy` for what a browser does by itself. */
  readonly sentBy?: SentBy;
  /** How long after `act` its request may follow. Default 10 s. */
  readonly sendWithin?: Duration;
}
