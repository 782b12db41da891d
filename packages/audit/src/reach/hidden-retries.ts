import type { Boundary } from "../boundaries/boundary.ts";
import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption, optionLiterals } from "../values/options.ts";

/** Clients that send again by themselves, and the option that stops it. */
const CLIENTS: Record<string, { family: string; off: string[] }> = {
  stripe: { family: "sdk:stripe", off: ["maxNetworkRetries"] },
  "slack-web": { family: "sdk:slack", off: ["retries"] },
  octokit: { family: "sdk:octokit", off: ["retries"] },
  discord: { family: "sdk:discord", off: ["retries"] },
  square: { family: "sdk:square", off: ["maxRetries"] },
  "coinbase-cdp": { family: "sdk:cdp", off: ["maxRetries", "retries"] },
  "openai-side": { family: "sdk:openai", off: ["maxRetries"] },
  "anthropic-side": { family: "sdk:anthropic", off: ["maxRetries"] },
  kafkajs: { family: "sdk:kafka", off: ["retries"] },
  svix: { family: "sdk:svix", off: ["numRetries"] },
  knock: { family: "sdk:knock", off: ["maxRetries"] },
  // The delivery is repeated, and with it what it starts.
  qstash: { family: "queue:qstash", off: ["retries"] },
  "azure-email": { family: "sdk:azure", off: ["maxRetries"] },
  "azure-servicebus": { family: "sdk:azure", off: ["maxRetries"] },
};

/** The retries that the client of a boundary makes without being asked. */
export function hiddenRetries(evaluator: Evaluator, boundary: Boundary): string[] {
  const { sink, made, call } = boundary;
  const known =
    CLIENTS[sink.id] ??
    (sink.packages.some((one) => one.startsWith("@aws-sdk/"))
      ? { family: "sdk:aws", off: ["maxAttempts"] }
      : undefined);
  const found: string[] = [];
  if (known && !turnedOff(evaluator, made, known.off)) found.push(known.family);
  if (sink.id === "got" || sink.id === "ky" || sink.id === "ofetch") {
    if (retriesWrites(evaluator, [...call.args, ...(made?.args ?? [])], sink.id)) found.push(`lib:${sink.id}`);
  }
  if (sink.id === "superagent")
    for (let next = call.next; next; next = next.next)
      if (next.callee.k === "member" && next.callee.p === "retry") found.push("lib:superagent");
  return found;
}

function turnedOff(evaluator: Evaluator, made: CallFact | null, names: readonly string[]): boolean {
  if (!made) return false;
  for (const arg of made.args)
    for (const holder of [arg, findOption(evaluator, arg, ["retryConfig", "retry", "request", "retryOptions"])?.value])
      for (const name of names)
        for (const value of optionLiterals(evaluator, holder, name))
          if (value === 0 || (value === 1 && name === "maxAttempts")) return true;
  return false;
}

/** `retry: { methods: ["post"] }`, `retry: 3` of ofetch. */
function retriesWrites(evaluator: Evaluator, args: readonly Expr[], sink: string): boolean {
  for (const arg of args) {
    const retry = findOption(evaluator, arg, ["retry"]);
    if (!retry) continue;
    if (sink === "ofetch")
      return evaluator.of(retry.value).some((one) => one.k === "lit" && typeof one.v === "number" && one.v > 0);
    const methods = findOption(evaluator, retry.value, ["methods"]);
    if (
      methods &&
      evaluator
        .of(methods.value)
        .some(
          (one) =>
            one.k === "array" &&
            one.e.some((method) => method.k === "lit" && /^(?:post|patch)$/i.test(String(method.v))),
        )
    )
      return true;
  }
  return false;
}
