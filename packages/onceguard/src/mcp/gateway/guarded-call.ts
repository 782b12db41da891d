import { randomUUID } from "node:crypto";
import type { AnyAction, CallContext, EffectContext } from "../../core/action.ts";
import { canonicalJson } from "../../core/canonical-json.ts";
import { durationMs } from "../../core/duration.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { JsonValue } from "../../core/json.ts";
import type { Held, Outcome } from "../../core/outcome.ts";
import { tierDemands } from "../../core/policy.ts";
import { deriveRequestId, MAX_REQUEST_ID_LENGTH } from "../../core/request-id.ts";
import { sha256 } from "../../pipeline/digest.ts";
import { FORM, saysOf } from "../server/elicitation.ts";
import { hostIdentity } from "../server/host-identity.ts";
import { question } from "../server/question.ts";
import type { CallSetup, GuardedTool } from "./call-setup.ts";
import { type Asked, answerOfError, answerOfGuard, answerOfUpstream, refused } from "./caller-answer.ts";
import { hasOwnKey, KEY_ARGUMENT, type Keyed, takeKey } from "./idempotency-argument.ts";
import {
  isObject,
  type JsonObject,
  objectAt,
  type RpcAnswer,
  type RpcError,
  type RpcId,
  type RpcRequest,
} from "./json-rpc.ts";
import type { Asking, OpenRound } from "./open-rounds.ts";
import type { GatewayState } from "./request-state.ts";
import type { Route } from "./route.ts";
import { MENDABLE } from "./upstream-answer.ts";
import { within } from "./within.ts";

/** A question to the host's person, before 2026-07-28: hosts give up on the call soon after. */
const PERSON_TIMEOUT_MS = 45_000;

/** One `tools/call` on its way through the guard. */
export class GuardedCall {
  readonly route: Route;
  readonly #setup: CallSetup<GuardedCall>;
  readonly #tool: GuardedTool;
  readonly #params: JsonObject;
  readonly #id: RpcId;
  readonly #keyed: Keyed;
  /** Names this call among those that are under way here: same caller, same tool, same arguments, same key. */
  readonly #call: string;
  /** The upstream's answer to an attempt that was made in the course of this very call. */
  #answered: RpcAnswer | null = null;
  #hasSucceeded = false;
  /** Fires when the upstream asks something in the course of this call. */
  readonly #asked = Promise.withResolvers<OpenRound>();
  #asking: Asking | null = null;
  /** The route by which the next round of this attempt goes. */
  #current: Route;

  constructor(setup: CallSetup<GuardedCall>, tool: GuardedTool, request: RpcRequest, route: Route) {
    this.#setup = setup;
    this.#tool = tool;
    this.#id = request.id;
    this.#params = request.params ?? {};
    this.route = route;
    this.#current = route;
    this.#keyed = takeKey(this.#params, hasOwnKey(tool.listed?.inputSchema));
    const { tenant, name } = route.principal;
    const { given, key } = this.#keyed;
    this.#call = sha256(canonicalJson([tenant, name, tool.action.name, given as JsonValue, key]));
  }

  async answered(): Promise<RpcAnswer> {
    const started = performance.now();
    try {
      const { answer, outcome } = await this.#answer();
      this.#log(started, outcome?.status ?? "refused", outcome?.requestId ?? null);
      return answer;
    } catch (error) {
      const status = this.route.leaves.aborted ? "left" : ((error as OnceguardError).code ?? "error");
      this.#log(started, status, null);
      return answerOfError(error, this.#asks);
    }
  }

  /** Whether an attempt that is made now belongs to this call. */
  isFor(tool: string, { tenant }: Pick<EffectContext, "tenant">): boolean {
    return tool === this.#tool.name && tenant === this.route.principal.tenant;
  }

  /** The attempt that was made in its course has had its effect. */
  succeeded(): void {
    this.#hasSucceeded = true;
  }

  /** Makes the attempt: the call goes to the upstream, and what it asks meanwhile comes back through the caller. */
  async dispatch(given: JsonObject, { signal }: EffectContext): Promise<RpcAnswer> {
    const { _meta, idempotencyKey: _key, inputResponses, requestState, ...rest } = this.#params;
    // A client may answer what it knows will be asked. What came with a state of ours was an answer to us.
    const unasked = requestState === undefined && inputResponses !== undefined ? { inputResponses } : {};
    this.#asking = this.#setup.rounds.begin(this.#call, (round) => this.#asked.resolve(round));
    try {
      let params: JsonObject = { ...rest, ...unasked, arguments: given, ...(_meta !== undefined && { _meta }) };
      for (;;) {
        const answer = await this.#send(params);
        if ("error" in answer || answer.result.resultType !== "input_required") {
          this.#answered = answer;
          return answer;
        }
        const brought = await this.#asking.ask(answer.result, signal);
        this.#current = brought.route;
        const state = answer.result.requestState;
        params = {
          ...params,
          inputResponses: brought.inputResponses,
          ...(state !== undefined && { requestState: state }),
        };
      }
    } finally {
      this.#asking.end(this.#answered);
    }
  }

  #send(params: JsonObject): Promise<RpcAnswer> {
    const token = objectAt(params, "_meta")?.progressToken;
    const route = this.#current;
    if (token === undefined) return route.request("tools/call", params);
    // Under a token of our own: that of the caller may be in use for something else by now.
    return route.request("tools/call", params, (progress) =>
      route.notify("notifications/progress", { ...progress, progressToken: token }),
    );
  }

  async #answer(): Promise<{ answer: RpcAnswer; outcome?: Outcome }> {
    const { name, riskTier, rule } = this.#tool;
    const { key, problem } = this.#keyed;
    const error = this.route.checkCall(this.#params, this.#tool.listed) ?? problemWithArguments(this.#params.arguments);
    if (error !== null) return { answer: { error } };
    if (problem !== null) return this.#refused(`The ${KEY_ARGUMENT} is ${problem}.`, "invalid_request_id");
    if (key === null && !rule?.keyFields && !tierDemands(riskTier).identity.includes("content")) {
      return this.#refused(
        `Nothing names what this call of "${name}" is meant to do, so a repetition could not be told from a second intent. Call again with ${KEY_ARGUMENT}: a text that names the intended effect and stays the same when you repeat it.`,
        "missing_identity",
      );
    }
    const state = await this.#stateHandedIn();
    if (state === "forged") {
      const data = { reason: "invalid_request_state" };
      return { answer: { error: { code: -32602, message: "Invalid or expired requestState", data } } };
    }
    if (state?.kind === "round") return this.#goOn(state.round);
    const open = this.#setup.rounds.get(this.#call);
    if (open) return { answer: await this.#ask(open) };
    return this.#perform(state);
  }

  async #perform(state: GatewayState | null): Promise<{ answer: RpcAnswer; outcome?: Outcome }> {
    const executed = this.#execute(this.route.leaves);
    const first = await Promise.race([executed, this.#asked.promise]);
    if ("round" in first) {
      // The attempt goes on without this message; whoever brings the person's answer hears its end.
      executed.catch(() => undefined);
      return { answer: await this.#ask(first) };
    }
    return this.#present(first, state);
  }

  async #present(given: Outcome, state: GatewayState | null): Promise<{ answer: RpcAnswer; outcome: Outcome }> {
    let outcome = given;
    if (outcome.status === "failed" && this.#answered === null && MENDABLE.has(outcome.failure.code)) {
      outcome = await this.#again(outcome);
    }
    if (outcome.status === "held" && outcome.waitsFor === "approval" && outcome.receipt !== null) {
      const decided = await this.#approval(outcome, state);
      if ("question" in decided) return { answer: { result: decided.question }, outcome };
      outcome = decided;
    }
    // Not when something else has shown since what became of it: a probe may know that an error was none.
    const isOwn = outcome.status === "failed" || (outcome.status === "executed" && this.#hasSucceeded);
    if (isOwn && this.#answered !== null) {
      return { answer: answerOfUpstream(outcome, this.#answered, this.#asks), outcome };
    }
    if (outcome.status === "replayed" && !(await this.route.mayUse(this.#tool.name))) {
      const answer = await this.#refused(`You may not use "${this.#tool.name}" now.`, "not_allowed");
      return { ...answer, outcome };
    }
    return { answer: await answerOfGuard(outcome, this.#answered, this.#asks), outcome };
  }

  /** Refused for what the host has mended since: it is tried again under the same identity. */
  async #again(failed: Outcome): Promise<Outcome> {
    const { tenant } = this.route.principal;
    const reason = "the host called again after the server had asked it to mend something";
    try {
      await this.#setup.guard.reopen(failed.requestId, { actor: "gateway", reason, tenant });
    } catch (error) {
      if (!(error instanceof OnceguardError) || !MOVED_ON.has(error.code)) throw error;
    }
    return this.#execute(this.route.leaves);
  }

  async #execute(signal?: AbortSignal): Promise<Outcome> {
    const { windowMs, server, content } = this.#setup;
    const { action, rule } = this.#tool;
    const { given, key, isFromProtocol } = this.#keyed;
    const { principal } = this.route;
    const { tenant } = principal;
    const { runId, host, traceId } = hostIdentity(objectAt(this.#params, "_meta"));
    const context: CallContext = {
      tenant,
      actor: principal.name,
      ...(runId !== null && { runId }),
      ...(host !== null && { host }),
      ...(traceId !== null && { traceId }),
      ...(signal && { signal }),
      ...(isFromProtocol && { wait: 0 }),
    };
    if (key !== null) {
      const requestId = keyedId(server, this.#tool.name, tenant, key);
      return this.#setup.execute(this, action, given, { ...context, requestId });
    }
    if (rule?.keyFields) return this.#setup.execute(this, action, given, context);
    // Not the host's own id for the call: hosts send one call twice under two of them, and a model's second try has another.
    const contentScope = await content.scopeOf({
      tenant,
      action: action.name,
      payload: given as JsonValue,
      volatile: action.volatile,
      windowMs: rule?.window === undefined ? windowMs : durationMs(rule.window, "window"),
      untilChanged: rule?.untilChanged === true ? recordOf(action, given) : null,
    });
    return this.#setup.execute(this, action, given, { ...context, contentScope });
  }

  /** The host's person is asked, where there is one; otherwise it stays held, and somebody decides elsewhere. */
  async #approval(held: Held, state: GatewayState | null): Promise<Outcome | Question> {
    const { guard, asksHost, codec } = this.#setup;
    const { receipt, requestId } = held;
    if (receipt === null || !asksHost || !this.route.asksForms) return held;
    const { action, riskTier } = this.#tool;
    const { given } = this.#keyed;
    const message = question(held, { action: action.name, riskTier, given });
    const { tenant } = this.route.principal;
    let says: "yes" | "no" | "nothing";
    let version = receipt.version;
    if (this.route.era === "modern") {
      const answer = objectAt(this.#params.inputResponses, "approve");
      if (state?.kind !== "approval" || state.requestId !== requestId || answer === undefined) {
        const minted: GatewayState = { kind: "approval", call: this.#call, requestId, version };
        return {
          question: {
            resultType: "input_required",
            inputRequests: {
              approve: { method: "elicitation/create", params: { mode: "form", message, requestedSchema: FORM } },
            },
            requestState: await codec.mint(minted, this.route.principal),
          },
        };
      }
      version = state.version;
      says = saysOf(String(answer.action), objectAt(answer, "content"));
    } else if (this.route.elicit !== null) {
      const params = { mode: "form", message, requestedSchema: FORM };
      // A host that has left, or that cannot ask, says nothing.
      const answer = (await within(PERSON_TIMEOUT_MS, this.route.elicit(params)).catch(() => null))?.value;
      const result = answer && "result" in answer ? answer.result : {};
      says = saysOf(String(result.action), objectAt(result, "content"));
    } else return held;
    if (says === "nothing") return held;
    const by = {
      actor: `person at ${this.route.principal.name}`,
      reason: says === "yes" ? "approved at the host (elicitation)" : "declined at the host (elicitation)",
      expectedVersion: version,
      tenant,
    };
    try {
      await (says === "yes" ? guard.approve(requestId, by) : guard.deny(requestId, by));
    } catch (error) {
      // Somebody else has decided meanwhile, or this very answer was given before: the record says what holds.
      if (!(error instanceof OnceguardError) || !MOVED_ON.has(error.code)) throw error;
    }
    return this.#execute();
  }

  /** What the caller was given to keep; forged when it is not ours, or was given for another call. */
  async #stateHandedIn(): Promise<GatewayState | "forged" | null> {
    const { requestState } = this.#params;
    if (requestState === undefined) return null;
    const state = await this.#setup.codec.read(requestState, this.route.principal);
    return state === null || state.call !== this.#call ? "forged" : state;
  }

  /** The upstream's question, as the caller's next round brings its answer. */
  async #ask({ question: asked, round }: OpenRound): Promise<RpcAnswer> {
    const state: GatewayState = { kind: "round", call: this.#call, round };
    return { result: { ...asked, requestState: await this.#setup.codec.mint(state, this.route.principal) } };
  }

  /** A further round of a call that waits: its answer is handed to the attempt, once. */
  async #goOn(round: number): Promise<{ answer: RpcAnswer; outcome?: Outcome }> {
    const open = this.#setup.rounds.get(this.#call);
    // Nothing waits any more: the record says what became of it.
    if (open === undefined) return this.#perform(null);
    if (open.round === round) open.answer({ inputResponses: this.#params.inputResponses, route: this.route });
    else if (open.round > round) return { answer: await this.#ask(open) };
    const next = await open.following;
    if ("round" in next) return { answer: await this.#ask(next) };
    const outcome = await this.#execute(this.route.leaves);
    // It was made in the course of this call, of which this is the last round.
    if (outcome.status !== "replayed" || next.ended === null) return this.#present(outcome, null);
    return { answer: answerOfUpstream({ ...outcome, status: "executed" }, next.ended, this.#asks), outcome };
  }

  get #asks(): Asked {
    const { reviewUrl } = this.#setup;
    const { isFromProtocol } = this.#keyed;
    const { era, goesOnAlone } = this.route;
    const keyArgument = this.#tool.rule?.keyFields ? null : KEY_ARGUMENT;
    const tool = this.#tool.listed;
    return { era, goesOnAlone, sameCallAsks: true, keyArgument, tool, reviewUrl, isFromProtocol };
  }

  async #refused(message: string, code: string): Promise<{ answer: RpcAnswer }> {
    return { answer: refused(message, code, this.#asks) };
  }

  /** Neither arguments nor results: they are nobody's business who reads logs. */
  #log(started: number, status: string, requestId: string | null): void {
    const { log } = this.#setup;
    const { tenant, name } = this.route.principal;
    log?.(
      JSON.stringify({
        call: randomUUID().slice(0, 8),
        rpc_id: this.#id,
        tool: this.#tool.name.slice(0, 128),
        tenant,
        actor: name,
        status,
        request_id: requestId,
        ms: Math.round(performance.now() - started),
      }),
    );
  }
}

/** What goes to the host, so that it comes back with its person's answer. */
interface Question {
  readonly question: JsonObject;
}

/** Nothing at all is no arguments; a list or a text is something else than what was meant. */
function problemWithArguments(given: unknown): RpcError | null {
  if (given === undefined || isObject(given)) return null;
  return { code: -32602, message: "Invalid params: `arguments` must be an object. Nothing was done." };
}

const MOVED_ON: ReadonlySet<string> = new Set(["version_conflict", "not_resolvable"]);

/** A caller's key names an intent at this tool of this server. Readable where it is short enough. */
function keyedId(server: string, tool: string, tenant: string, key: string): string {
  const id = `${server}/${tool}:${key}`;
  return id.length <= MAX_REQUEST_ID_LENGTH ? id : deriveRequestId(sha256, tenant, `${server}/${tool}`, ["key", key]);
}

/** Null where the arguments do not say it, which the guard itself will say better. */
function recordOf({ record }: AnyAction, given: JsonObject): string | null {
  try {
    return record === null ? null : record(given);
  } catch {
    return null;
  }
}
