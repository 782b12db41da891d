import type { Principal } from "../server/principal.ts";
import type { JsonObject, RpcAnswer, RpcError } from "./json-rpc.ts";
import type { UpstreamTool } from "./upstream-tool.ts";

export type Era = "legacy" | "modern";

/** One caller's way to the upstream and back, for the time of one call. */
export interface Route {
  readonly principal: Principal;
  readonly era: Era;
  /**
   * Sends the upstream a request of the gateway's own, under an id of its own, on behalf of this caller. `progress` is
   * told what the upstream reports of it meanwhile.
   *
   * @throws an effect error that says whether it may have arrived
   */
  request(method: string, params: JsonObject, progress?: (params: JsonObject) => void): Promise<RpcAnswer>;
  /** Passes a notification on to the caller, who may have left. */
  notify(method: string, params: JsonObject): void;
  /** Whether this caller's host can ask its person by a form. */
  readonly asksForms: boolean;
  /** Before 2026-07-28 the host is asked by a request of our own; null where there is no way to it. */
  readonly elicit: ((params: JsonObject) => Promise<RpcAnswer>) | null;
  /** Whether the upstream lets this caller use the tool now; asked before a stored result is shown again. */
  mayUse(tool: string): Promise<boolean>;
  /** Whether what waits or is retried goes on without its caller. */
  readonly goesOnAlone: boolean;
  /** What is wrong with a call in the form in which it came, so that the upstream would refuse it; null when nothing is. */
  checkCall(params: JsonObject, tool: UpstreamTool | undefined): RpcError | null;
  /** Fires when the caller has left. What was sent goes on without it. */
  readonly leaves: AbortSignal;
}
