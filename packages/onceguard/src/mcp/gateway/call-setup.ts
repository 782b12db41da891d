import type { AnyAction, CallContext } from "../../core/action.ts";
import type { Outcome } from "../../core/outcome.ts";
import type { RiskTier } from "../../core/policy.ts";
import type { ToolRule } from "../../kinds/gateway-entries.ts";
import type { Guard } from "../../pipeline/guard.ts";
import type { ContentIdentity } from "./content-identity.ts";
import type { JsonObject } from "./json-rpc.ts";
import type { OpenRounds } from "./open-rounds.ts";
import type { StateCodec } from "./request-state.ts";
import type { UpstreamTool } from "./upstream-tool.ts";

/** A tool as the gateway treats it. */
export interface GuardedTool {
  readonly name: string;
  /** As the upstream lists it; undefined when it does not. */
  readonly listed: UpstreamTool | undefined;
  readonly rule: ToolRule | null;
  readonly riskTier: RiskTier;
  readonly action: AnyAction;
}

/** What all calls through one gateway have in common. */
export interface CallSetup<Call> {
  readonly guard: Guard;
  /** The operator's name for the upstream. */
  readonly server: string;
  /** How long the same arguments are the same intent, in ms. */
  readonly windowMs: number;
  readonly content: ContentIdentity;
  readonly rounds: OpenRounds;
  readonly codec: StateCodec;
  readonly reviewUrl: string | null;
  readonly asksHost: boolean;
  readonly log: ((line: string) => void) | undefined;
  /** Executes under the guard; the attempts that are made in its course go the way of this call. */
  execute(call: Call, action: AnyAction, given: JsonObject, context: CallContext): Promise<Outcome>;
}
