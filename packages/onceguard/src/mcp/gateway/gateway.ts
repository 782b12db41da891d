import { AsyncLocalStorage } from "node:async_hooks";
import type { AnyAction, CallContext, EffectContext } from "../../core/action.ts";
import { type Duration, durationMs } from "../../core/duration.ts";
import { effectError, messageOf } from "../../core/failure.ts";
import type { Outcome } from "../../core/outcome.ts";
import { type RiskTier, tierDemands } from "../../core/policy.ts";
import type { ToolRule, ToolRules } from "../../kinds/gateway-entries.ts";
import type { Guard } from "../../pipeline/guard.ts";
import type { CallSetup } from "./call-setup.ts";
import { ContentIdentity } from "./content-identity.ts";
import { GuardedCall } from "./guarded-call.ts";
import { hasOwnKey, withKeyArgument } from "./idempotency-argument.ts";
import { isObject, type JsonObject, type RpcAnswer, type RpcRequest } from "./json-rpc.ts";
import { OpenRounds } from "./open-rounds.ts";
import { type StateCodec, stateCodec } from "./request-state.ts";
import type { Route } from "./route.ts";
import { actionName, toolAction, type Upstream } from "./tool-action.ts";
import { ruleFor } from "./tool-rule.ts";
import { tierOf } from "./tool-tier.ts";
import { resultOfCall } from "./upstream-answer.ts";
import { toolsIn, type UpstreamTool } from "./upstream-tool.ts";
import { UpstreamTools } from "./upstream-tools.ts";

export interface GatewayOptions {
  // biome-ignore lint/suspicious/noExplicitAny: a guard of whatever actions; those of the gateway join them at run time
  readonly guard: Guard<any>;
  /** The operator's name for the upstream: its tools' actions are called `name/tool`. */
  readonly server: string;
  /** The operator trusts this server's tool annotations. Default false: every tool without a rule is irreversible. */
  readonly isTrusted?: boolean;
  /** Of several sets the first that has a rule for the tool. Default none. */
  readonly rules?: readonly ToolRules[];
  /** Offer the `idempotency_key` argument in the listed schemas of guarded tools. Default true. */
  readonly offersKey?: boolean;
  /** How long the same arguments are the same intent, where nothing better names it. Default 24 h. */
  readonly window?: Duration;
  /** Where a person decides, with `{request_id}` in it. */
  readonly reviewUrl?: string;
  /** `host`: a person at the host is asked by elicitation, where the host can do that; `elsewhere`: never. Default `host`. */
  readonly approvals?: "host" | "elsewhere";
  /** Signs what a client keeps between the rounds of a call: at least 32 bytes. Default: random. */
  readonly stateKey?: string;
  /** One line per guarded call. Default: nowhere. */
  readonly log?: (line: string) => void;
}

const DEFAULT_WINDOW = "24h";

/**
 * What stands between a host and its MCP server, whatever carries the messages: it answers the calls that are to be
 * guarded and reads the lists of tools. Everything else passes by it.
 */
export class Gateway implements CallSetup<GuardedCall> {
  readonly guard: Guard;
  readonly server: string;
  readonly reviewUrl: string | null;
  readonly asksHost: boolean;
  readonly log: ((line: string) => void) | undefined;
  readonly windowMs: number;
  readonly content: ContentIdentity;
  readonly rounds: OpenRounds = new OpenRounds();
  readonly codec: StateCodec;
  readonly tools: UpstreamTools;
  readonly #options: GatewayOptions;
  /** For what runs without a caller: retries, probes, what was approved meanwhile. */
  #standing: (() => Route) | null = null;
  readonly #actions = new Map<string, AnyAction>();
  /** The call in whose course an attempt is made, so that it goes the way of its caller. */
  readonly #live = new AsyncLocalStorage<GuardedCall>();

  /** @throws OnceguardError `invalid_option` */
  constructor(options: GatewayOptions) {
    this.#options = options;
    this.guard = options.guard as Guard;
    this.server = options.server;
    this.reviewUrl = options.reviewUrl ?? null;
    this.asksHost = options.approvals !== "elsewhere";
    this.log = options.log;
    this.windowMs = durationMs(options.window ?? DEFAULT_WINDOW, "window");
    this.content = new ContentIdentity(this.guard);
    this.codec = stateCodec(options.stateKey);
    this.tools = new UpstreamTools((tools) => this.#register(tools));
  }

  /**
   * From now on this route is taken for what no caller waits for. Without one, requests go on when their caller calls
   * again.
   */
  stand(route: () => Route): void {
    this.#standing = route;
    this.#register([...(this.tools.known?.values() ?? [])]);
  }

  /** Answers a `tools/call`; null when it is to pass as it is. Answers at once where nothing has to be asked. */
  call(request: RpcRequest, route: Route): Promise<RpcAnswer | null> | null {
    const name = request.params?.name;
    // Not a call by any reading: the server may say so itself.
    if (typeof name !== "string") return null;
    const listed = this.tools.known?.get(name);
    if (listed !== undefined) {
      this.tools.refresh(route);
      return this.#callOf(listed.name, listed, request, route);
    }
    const rule = this.#ruleFor(name);
    if (rule?.riskTier === "safe") return null;
    return this.#ask(name, request, route);
  }

  async #ask(name: string, request: RpcRequest, route: Route): Promise<RpcAnswer | null> {
    let listed: UpstreamTool | undefined;
    try {
      listed = (await this.tools.list(route)).get(name);
    } catch (error) {
      // What the operator says of it does not depend on what the server says.
      if (this.#ruleFor(name)?.riskTier !== undefined) return this.#callOf(name, undefined, request, route);
      const message = `The server's tools could not be listed, so nothing was sent: ${messageOf(error)}`;
      return { error: { code: -32603, message } };
    }
    return this.#callOf(name, listed, request, route);
  }

  #callOf(
    name: string,
    listed: UpstreamTool | undefined,
    request: RpcRequest,
    route: Route,
  ): Promise<RpcAnswer> | null {
    const rule = this.#ruleFor(name);
    const riskTier = tierOf(rule, listed, this.#options.isTrusted === true);
    if (!tierDemands(riskTier).claim) return null;
    const action = this.#actionOf(name, rule, riskTier);
    return new GuardedCall(this, { name, listed, rule, riskTier, action }, request, route).answered();
  }

  /** A listing as it passes: learnt, and with the argument by which a caller can name its intent. */
  listed(result: JsonObject): JsonObject {
    this.tools.learn(result);
    if (this.#options.offersKey === false || !Array.isArray(result.tools)) return result;
    const tools = result.tools.map((tool: unknown) => (isObject(tool) ? this.#offered(tool) : tool));
    return { ...result, tools };
  }

  #offered(tool: JsonObject): JsonObject {
    const [listed] = toolsIn({ tools: [tool] });
    if (!listed || hasOwnKey(listed.inputSchema)) return tool;
    const rule = this.#ruleFor(listed.name);
    const riskTier = tierOf(rule, listed, this.#options.isTrusted === true);
    const { claim, identity } = tierDemands(riskTier);
    // Where fields name the effect, no key of the caller's does.
    if (!claim || rule?.keyFields) return tool;
    return withKeyArgument(tool, !identity.includes("content"));
  }

  /** Executes under the guard; the attempts that are made in its course go the way of this call. */
  execute(call: GuardedCall, action: AnyAction, given: JsonObject, context: CallContext): Promise<Outcome> {
    const run = this.guard.wrap(action, { register: this.#standing !== null });
    return this.#live.run(call, () => run(given, context));
  }

  /** Closes the guard: what runs is recorded, within its `grace`. What waits for a person's answer waits no longer. */
  async close(): Promise<void> {
    this.rounds.giveUp();
    await this.guard.close();
  }

  #ruleFor(tool: string): ToolRule | null {
    return ruleFor(tool, this.#options.rules ?? []);
  }

  #register(tools: readonly UpstreamTool[]): void {
    if (this.#standing === null) return;
    for (const tool of tools) {
      const rule = this.#ruleFor(tool.name);
      const riskTier = tierOf(rule, tool, this.#options.isTrusted === true);
      if (tierDemands(riskTier).claim) this.guard.wrap(this.#actionOf(tool.name, rule, riskTier));
    }
  }

  /** One per tool, for as long as the process lives: an annotation that changes meanwhile does not lower a tier. */
  #actionOf(tool: string, rule: ToolRule | null, riskTier: RiskTier): AnyAction {
    const known = this.#actions.get(tool);
    if (known !== undefined) return known;
    const action = toolAction(
      actionName(this.#options.server, tool),
      rule ?? {},
      riskTier,
      this.#upstreamOf(tool, rule),
    );
    this.#actions.set(tool, action);
    if (this.#standing !== null) this.guard.wrap(action);
    return action;
  }

  #upstreamOf(tool: string, rule: ToolRule | null): Upstream {
    const reading = { ...rule, isTrusted: this.#options.isTrusted === true };
    return {
      execute: async (given, context) => {
        const call = this.#callFor(tool, context);
        const answer =
          call === null
            ? await this.#standingRoute().request("tools/call", { name: tool, arguments: given })
            : await call.dispatch(given, context);
        const result = resultOfCall(answer, tool, reading);
        call?.succeeded();
        return result;
      },
      ask: (other, given, context) => {
        const route = this.#callFor(tool, context)?.route ?? this.#standingRoute();
        return route.request("tools/call", { name: other, arguments: given });
      },
    };
  }

  /** The call in whose course this attempt is made; null when no caller waits for it. */
  #callFor(tool: string, context: EffectContext): GuardedCall | null {
    const call = this.#live.getStore();
    return call?.isFor(tool, context) === true ? call : null;
  }

  #standingRoute(): Route {
    if (this.#standing !== null) return this.#standing();
    const message = "Nobody is connected in whose name the server could be called; nothing was sent.";
    throw effectError({ certainty: "definite", tier: "transient", code: "mcp_no_caller", message });
  }
}
