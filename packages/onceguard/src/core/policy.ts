import type { JsonValue } from "./json.ts";
import type { KeySource } from "./request-id.ts";

/** How much guarding an action needs. Unknown actions are treated as `irreversible`. */
export type RiskTier = "safe" | "side_effecting" | "irreversible";

export const RISK_TIERS: readonly RiskTier[] = ["safe", "side_effecting", "irreversible"];

/** What the guard demands of an action by its tier (semantics.md section 2). */
export interface TierDemands {
  /** A durable claim before anything is sent. */
  readonly claim: boolean;
  /** An input schema, so that what is hashed and executed has been validated. */
  readonly schema: boolean;
  /** The lowest rung of the identity ladder that is good enough. */
  readonly identity: readonly KeySource[];
}

const ANY_IDENTITY: readonly KeySource[] = ["business_key", "explicit", "host_call", "content"];

const DEMANDS: Readonly<Record<RiskTier, TierDemands>> = {
  safe: { claim: false, schema: false, identity: ANY_IDENTITY },
  side_effecting: { claim: true, schema: false, identity: ANY_IDENTITY },
  // A hash of free text or a host's call id changes when an agent re-plans: not good enough for money.
  irreversible: { claim: true, schema: true, identity: ["business_key", "explicit"] },
};

export function tierDemands(tier: RiskTier): TierDemands {
  return DEMANDS[tier];
}

/** What a policy is asked about: the validated proposal, before anything is claimed. */
export interface PolicyQuestion {
  readonly tenant: string;
  readonly action: string;
  readonly riskTier: RiskTier;
  readonly payload: JsonValue;
  readonly recordId: string | null;
  readonly runId: string | null;
  readonly actor: string | null;
}

/** `review` means a person must approve first: the request is `held`. */
export type Verdict =
  | { readonly verdict: "allow" }
  | { readonly verdict: "deny"; readonly reason: string }
  | { readonly verdict: "review"; readonly reason: string };

/** Plain deterministic code around the model. Must not have effects of its own. */
export type Policy = (question: PolicyQuestion) => Verdict;
