import { type Claim, type ClaimRequest, grantClaim } from "../../src/core/claim.ts";
import { forwardingStore } from "../../src/core/forwarding-store.ts";
import { advance, type Transition } from "../../src/core/lifecycle.ts";
import type { Store } from "../../src/core/ports.ts";
import type { Sabotage } from "./simulate.ts";

/** A lie that the simulation has to find out, and by which of its rules. */
export interface Lie {
  readonly name: string;
  /** The assumption of semantics.md, or the duty of the store or the action, that it breaks. */
  readonly breaks: string;
  readonly sabotage: Sabotage;
  readonly foundBy: RegExp;
}

export const LIES: readonly Lie[] = [
  {
    name: "a store without fencing: whatever is written is written",
    breaks: "every write is one compare-and-set",
    sabotage: { store: (store) => forwardingStore(store, { apply: async (change) => applyAnyhow(store, change) }) },
    foundBy: /along the table|terminal states stay|sticky|what is sent is claimed|sent once|has happened/,
  },
  {
    name: "a store that grants what exists already",
    breaks: "one INSERT decides who may execute",
    sabotage: { store: (store) => forwardingStore(store, { claim: async (request) => claimAnyhow(store, request) }) },
    foundBy: /sent once|what is sent is claimed|effect per intent|callers are told/,
  },
  {
    name: "a store that renews for whoever asks",
    breaks: "a renewal carries the fence",
    sabotage: { store: (store) => forwardingStore(store, { renew: (all) => store.renew(all).then(() => []) }) },
    foundBy: /only the owner renews|what is sent is claimed/,
  },
  {
    name: "a store that acknowledges a success and loses it",
    breaks: "A0 the store keeps acknowledged writes",
    sabotage: { store: (store) => losing(store, "success") },
    foundBy: /what callers are told is true/,
  },
  {
    name: "a store that loses the mark of a dispatch",
    breaks: "A0 the store keeps acknowledged writes",
    sabotage: { store: (store) => losing(store, "dispatch") },
    foundBy: /the mark comes first/,
  },
  {
    name: "a store that knows of no halt when it is looked for",
    breaks: "the last look before a dispatch",
    sabotage: { store: (store) => forwardingStore(store, { haltFor: async () => null }) },
    foundBy: /nothing is sent after a halt/,
  },
  {
    name: "a store that lets everybody in: no turns, no loop filter",
    breaks: "the conditions of a first claim",
    sabotage: {
      store: (store) => forwardingStore(store, { claim: (request) => store.claim({ ...request, gate: null }) }),
    },
    foundBy: /one at a time|one effect per record/,
  },
  {
    name: "a store whose readers have a clock that is ahead, and that does not look at its own",
    breaks: "a lease lapses by the store's clock",
    sabotage: {
      store: (store) =>
        forwardingStore(store, {
          find: async (tenant, requestId) => {
            const receipt = await store.find(tenant, requestId);
            return receipt && { ...receipt, readAt: receipt.readAt + 60_000 };
          },
          apply: (change) => store.apply({ ...change, requiresLapse: false, notAfter: null }),
        }),
    },
    foundBy: /a lease lapses when it is over|while it is known|has run out/,
  },
  {
    name: "a classifier that calls unknown errors definite",
    breaks: "an unknown error is never failed",
    sabotage: {
      action: (options) => ({
        ...options,
        classify: () => ({ certainty: "definite", tier: "transient", code: "any", message: "any" }),
      }),
    },
    foundBy: /has happened|never happens|honest|effect per intent|callers are told/,
  },
  {
    name: "a probe that is trusted before its settle delay",
    breaks: "A3 the settle delay is longer than the lag",
    sabotage: { action: (options) => ({ ...options, settleDelay: 0 }) },
    foundBy: /can have seen it|has happened|never happens|honest|effect per intent/,
  },
  {
    name: "a probe that says no when it cannot tell",
    breaks: "A3 the probe reads its own writes",
    sabotage: {
      action: ({ probe, ...options }) => ({
        ...options,
        ...(probe && {
          probe: async (payload, context) => {
            const answer = await probe(payload, context);
            return answer.answer === "cannot_tell" ? { answer: "did_not_happen" } : answer;
          },
        }),
      }),
    },
    foundBy: /has happened|never happens|honest|effect per intent|may still arrive/,
  },
  {
    name: "a key that is forgotten sooner than declared",
    breaks: "A2 the remote side dedupes as it documents",
    sabotage: {
      action: ({ downstreamKey, ...options }) => ({
        ...options,
        ...(downstreamKey && { downstreamKey: { ...downstreamKey, lifetime: "1h" } }),
      }),
    },
    foundBy: /while it is known|effect per intent/,
  },
  {
    name: "an other side that does not look at keys",
    breaks: "A2 the remote side dedupes as it documents",
    sabotage: { forgetsKeys: true },
    foundBy: /effect per intent/,
  },
  {
    name: "an action that sends twice",
    breaks: "execute makes the one effect",
    sabotage: {
      action: ({ execute, ...options }) => ({
        ...options,
        execute: async (payload, context) => {
          await execute(payload, context);
          return execute(payload, context);
        },
      }),
    },
    foundBy: /effect per intent|sent once/,
  },
];

async function applyAnyhow(store: Store, change: Transition) {
  const from = await store.find(change.from.tenant, change.from.requestId);
  return store.apply(from ? { ...change, from } : change);
}

async function claimAnyhow(store: Store, request: ClaimRequest) {
  const answer = await store.claim(request);
  if (answer.kind !== "exists" || answer.receipt.state !== "running") return answer;
  return { kind: "claimed", claim: grantClaim(answer.receipt, request.ownerToken) } as const;
}

/** Says that it has written it. */
function losing(store: Store, event: Transition["event"]): Store {
  return forwardingStore(store, {
    apply: async (change) => {
      if (change.event !== event) return store.apply(change);
      const receipt = advance(change, await store.now());
      const claim: Claim | null = change.sends ? grantClaim(change.from, change.ownerToken) : null;
      return { kind: "applied", receipt, claim };
    },
  });
}
