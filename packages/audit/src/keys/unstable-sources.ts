import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";

const PACKAGES: Record<string, RegExp> = {
  uuid: /^(?:v1|v4|v6|v7|default)$/,
  nanoid: /./,
  "nanoid/non-secure": /./,
  cuid: /./,
  "@paralleldrive/cuid2": /^createId$|init/,
  ulid: /./,
  ulidx: /./,
  ksuid: /random/,
  "short-uuid": /generate|uuid|new/,
  crypto: /^(?:default\.)?(?:randomUUID|randomBytes|randomInt|webcrypto)/,
  "node:crypto": /^(?:default\.)?(?:randomUUID|randomBytes|randomInt|webcrypto)/,
};

/** A function of the project that is named like one of these, and whose body cannot be read. */
const NAMES =
  /^(?:uuid(?:v[1467])?|nanoid|generate(?:Uuid|UUID|Id|Nonce|RandomId)|randomId|createId|cuid|ulid|uniqid)$/;

/** Says what is new at every evaluation: a clock, a random number, a fresh id. Null if the call is none of it. */
export function freshSource(evaluator: Evaluator, call: CallFact): string | null {
  for (const value of evaluator.of(call.callee)) {
    if (value.k === "global") {
      const path = value.path.join(".");
      if (path === "Date" && call.isNew && call.args.length === 0) return "new Date()";
      if (
        path === "Date.now" ||
        path === "performance.now" ||
        path === "Math.random" ||
        path === "process.hrtime" ||
        path === "process.hrtime.bigint"
      )
        return `${path}()`;
      if (/(?:^|\.)crypto\.(?:randomUUID|getRandomValues)$/.test(path)) return `${path}()`;
    }
    if (value.k === "ext") {
      const pattern = PACKAGES[value.pkg];
      const path = value.path.join(".") || "default";
      if (pattern?.test(path))
        return `${value.path.at(-1) === "default" || value.path.length === 0 ? value.pkg : value.path.join(".")}()`;
      if (
        /^(?:dayjs|moment|luxon|date-fns)$/.test(value.pkg) &&
        call.args.length === 0 &&
        /(?:^default|now|utc)$/.test(path)
      )
        return `${value.pkg}()`;
      if (value.pkg === "@prisma/client" || value.pkg === "drizzle-orm") continue;
    }
  }
  const name =
    call.callee.k === "ref"
      ? call.callee.b.name
      : call.callee.k === "member"
        ? call.callee.p
        : call.callee.k === "global"
          ? call.callee.name
          : "";
  const isDateMember =
    call.callee.k === "member" &&
    call.callee.p === "now" &&
    call.callee.o.k === "global" &&
    call.callee.o.name === "Date";
  if (isDateMember) return "Date.now()";
  return NAMES.test(name) && !evaluator.of(call.callee).some((one) => one.k === "function") ? `${name}()` : null;
}

const ATTEMPT =
  /^(?:attempts?|attemptNumber|attemptCount|retr(?:y|ies)|retryCount|retryAttempt|tries|tryCount|attemptsMade)$/i;

/** The counter of the attempts themselves. */
export function isAttemptCounter(expr: Expr): boolean {
  if (expr.k === "ref") return ATTEMPT.test(expr.b.name);
  return expr.k === "member" && ATTEMPT.test(expr.p);
}

/** The id that a model gives to one of its calls: new whenever it decides again. */
export function isModelCallId(expr: Expr): boolean {
  const name = expr.k === "ref" ? expr.b.name : expr.k === "member" ? expr.p : "";
  return /^(?:toolCallId|tool_call_id|callId|toolUseId|tool_use_id)$/.test(name);
}
