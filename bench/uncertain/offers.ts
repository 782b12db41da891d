import type { Effect, World } from "./contender.ts";

export const EFFECTS: readonly Effect[] = ["payment", "order", "ticket", "email"];

/**
 * What the four outside worlds offer to a caller who wants to know, or to repeat safely. Payments are like Stripe's: a key
 * for a day, and under it the first answer again, be it a 500; other parameters under a known key are refused. Orders and
 * tickets can be looked up by the caller's own number, tickets with a lag. Mail offers nothing.
 */
export const OFFERS: Readonly<Record<Effect, World["offers"]>> = {
  payment: { key: { lifetimeMs: 24 * 3_600_000 }, lookup: false },
  order: { key: false, lookup: { lagMs: 0 } },
  ticket: { key: false, lookup: { lagMs: 400 } },
  email: { key: false, lookup: false },
};

/** What a caller finds in the world's documentation, next to the number. */
export const IN_WORDS: Readonly<Record<Effect, string>> = {
  payment: "key for 24 h, errors replayed",
  order: "look-up",
  ticket: "look-up with a lag",
  email: "neither",
};
