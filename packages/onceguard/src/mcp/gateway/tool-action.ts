import { createHash } from "node:crypto";
import { type AnyAction, defineAction, type EffectContext, type ProbeAnswer } from "../../core/action.ts";
import type { JsonValue } from "../../core/json.ts";
import type { RiskTier } from "../../core/policy.ts";
import { describedOptions } from "../../kinds/described.ts";
import type { ToolRule } from "../../kinds/gateway-entries.ts";
import { happenedWhen } from "../../kinds/happened-when.ts";
import { fieldsInTemplate, filled } from "../../kinds/template.ts";
import { dataOfResult } from "../../kinds/tool-result.ts";
import type { JsonObject, RpcAnswer } from "./json-rpc.ts";

/** Tools may take long; past this the outcome is in doubt. */
const DEFAULT_TIMEOUT = "10m";

/** How an attempt, and a question about it, reach the upstream. */
export interface Upstream {
  execute(payload: JsonObject, context: EffectContext): Promise<JsonValue>;
  ask(tool: string, given: JsonObject, context: EffectContext): Promise<RpcAnswer>;
}

/** The name under which calls of this tool are recorded, halted and counted. */
export function actionName(server: string, tool: string): string {
  const name = `${server}/${tool}`;
  if (/^[\w.:/-]{1,128}$/.test(name)) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return `${name.replace(/[^\w.:/-]/g, "_").slice(0, 100)}-${digest}`;
}

/**
 * A tool of the upstream as a guarded action.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `unknown_provider`
 */
export function toolAction(name: string, rule: ToolRule, riskTier: RiskTier, upstream: Upstream): AnyAction {
  const {
    approval: _approval,
    window: _window,
    untilChanged: _until,
    noEffectOnError: _definite,
    noEffectWhen: _when,
    failedWhen: _failed,
    idempotencyArgument,
    probe,
    ...described
  } = rule;
  const ofProbe = fieldsInTemplate(probe?.arguments ?? null);
  return defineAction<string, JsonValue, unknown, JsonValue>({
    // Equal calls are told apart by the window already; different ones on one record are different intents here.
    ...describedOptions({ timeout: DEFAULT_TIMEOUT, dedupWindow: "none", ...described, name, riskTier }, ofProbe),
    ...(probe && { probe: (payload, context) => whetherItHappened(probe, upstream, payload, context) }),
    execute: (payload, context) => {
      const key = idempotencyArgument === undefined ? {} : { [idempotencyArgument]: context.idempotencyKey };
      return upstream.execute({ ...(payload as JsonObject), ...key }, context);
    },
  });
}

async function whetherItHappened(
  probe: NonNullable<ToolRule["probe"]>,
  upstream: Upstream,
  payload: JsonValue,
  context: EffectContext,
): Promise<ProbeAnswer<JsonValue>> {
  try {
    const given = probe.arguments === undefined ? payload : filled(probe.arguments, payload, context);
    const answer = await upstream.ask(probe.tool, given as JsonObject, context);
    if ("error" in answer || answer.result.isError === true) return { answer: "cannot_tell" };
    const said = dataOfResult(answer.result);
    if (said === undefined) return { answer: "cannot_tell" };
    const found = happenedWhen(said, probe.happenedWhen);
    if (found !== "happened") return { answer: found };
    const words = `Found by asking ${probe.tool}; the answer of the call itself was lost.`;
    return { answer: found, result: { content: [{ type: "text", text: `${words}\n${JSON.stringify(said)}` }] } };
  } catch {
    return { answer: "cannot_tell" };
  }
}
