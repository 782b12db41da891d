import { createHash } from "node:crypto";
import { OnceguardError } from "../../core/errors.ts";
import { effectError, type Failure } from "../../core/failure.ts";
import { HTTP_STATUS, type Outcome } from "../../core/outcome.ts";
import { lengthPrefixed, problemWithName } from "../../core/request-id.ts";
import { bodyOf, type StoredAnswer } from "../../wire/stored-answer.ts";
import { readIdempotencyKey } from "../idempotency-key-header.ts";
import { OUTCOMES_URL, type Problem, problemUrl, retryAfter } from "../problem.ts";
import { type IdempotencyOptions, type Rules, rulesOf } from "./options.ts";
import { requestDigest } from "./request-digest.ts";

/** A request as the gate needs to know it, whatever host it came to. */
export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly key: string | null | undefined;
  readonly contentType: string;
  /** Null: larger than allowed. */
  readonly body: Uint8Array | null;
}

/** An answer to be given instead of asking the handler. */
export interface GateAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

export type Entered =
  | { readonly kind: "pass" }
  | { readonly kind: "answer"; readonly answer: GateAnswer }
  | { readonly kind: "run"; readonly run: Run };

/** The handler's turn: it is asked once, and what it says is recorded before anybody is told. */
export interface Run {
  /** Fires when the handler is taken for lost, or the process ends. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  answered(answer: StoredAnswer): Promise<void>;
  /** It threw, or its answer broke off. */
  threw(error: unknown): Promise<void>;
}

export interface Gate<Source> {
  readonly rules: Rules;
  /** Whether this request is guarded at all; if not, its body need not be read. */
  guards(method: string, key: string | null | undefined): boolean;
  enter(source: Source, asked: Asked): Promise<Entered>;
}

const NOT_DONE = "not_done";
/** A request that came to nothing is opened again for a repetition; several at the same time may take turns at that. */
const ROUNDS = 3;

/** `Idempotency-Key` as a guarded request: the key, its principal, method and route are the identity; the rest the fingerprint. */
export function createGate<Source>(options: IdempotencyOptions<Source>): Gate<Source> {
  const rules = rulesOf(options);
  if (typeof options.principal !== "function") {
    throw new OnceguardError(
      "invalid_option",
      "Say whose key it is: give `principal`, such as (request) => request.user.id, or () => null for one space of keys.",
      { option: "principal" },
    );
  }
  return {
    rules,
    guards: (method, key) => rules.methods.has(method) && (rules.required || (key !== null && key !== undefined)),
    enter: (source, asked) => enter(options, rules, source, asked),
  };
}

async function enter<Source>(
  options: IdempotencyOptions<Source>,
  rules: Rules,
  source: Source,
  asked: Asked,
): Promise<Entered> {
  const { method, path, contentType, body } = asked;
  if (!rules.methods.has(method)) return { kind: "pass" };
  const key = readIdempotencyKey(asked.key);
  if (key === null) {
    return rules.required
      ? refused(
          "missing_idempotency_key",
          400,
          "An Idempotency-Key is needed",
          "Send a key that names this intent, and the same one whenever you repeat it.",
        )
      : { kind: "pass" };
  }
  if ("problem" in key)
    return refused("invalid_idempotency_key", 400, "The Idempotency-Key cannot be used", `${key.problem}.`);
  if (body === null)
    return refused(
      "request_too_large",
      413,
      "The body is too large",
      `It is larger than ${rules.maxBodyBytes} bytes. Nothing was done.`,
    );
  const principal = (await options.principal(source)) ?? "";
  const route = options.route ? options.route(source) : path.replace(/[?#].*$/s, "");
  const requestId = `http-${sha256(lengthPrefixed(["onceguard/http/v1", principal, method, route, key.key]))}`;
  const digest = await (options.fingerprint?.(source, body) ?? requestDigest(contentType, body));
  const call: GuardedCall = {
    requestId,
    action: `http:${method}:${route}`.replace(/[^\w.:/-]/g, "_").slice(0, 128),
    payload: { method, path: wellFormed(path), body_sha256: digest, bytes: body.length },
    ...(problemWithName(principal) === null && { actor: principal }),
    ...(options.tenant && { tenant: await options.tenant(source) }),
  };
  for (let round = 1; ; round++) {
    const entered = await ask(options, rules, call);
    if ("kind" in entered) return entered;
    if (round === ROUNDS || !(await reopened(options, call, entered))) return told(entered);
  }
}

interface GuardedCall {
  readonly requestId: string;
  readonly action: string;
  readonly payload: unknown;
  readonly actor?: string;
  readonly tenant?: string;
}

/** The guard either gives the handler its turn, or says what is known; whichever comes first is the answer. */
function ask<Source>(
  { guard }: IdempotencyOptions<Source>,
  rules: Rules,
  call: GuardedCall,
): Promise<Entered | Outcome> {
  return new Promise((resolve, reject) => {
    let recorded: Promise<unknown>;
    const execute = (_payload: unknown, { signal, requestId }: { signal: AbortSignal; requestId: string }) => {
      const said = Promise.withResolvers<StoredAnswer>();
      said.promise.catch(() => undefined);
      const settle = async (say: () => void): Promise<void> => {
        say();
        await recorded.catch(() => undefined);
      };
      resolve({
        kind: "run",
        run: {
          signal,
          requestId,
          answered: (answer) => settle(() => say(rules, answer, said)),
          threw: (error) => settle(() => said.reject(doubt("handler_threw", nameOf(error)))),
        },
      });
      return said.promise;
    };
    const outcome = guard.execute({
      ...call,
      riskTier: "side_effecting",
      // For people; the same JSON may be longer in another spelling.
      volatile: ["bytes"],
      retry: { maxAttempts: 1 },
      timeout: rules.timeout,
      wait: rules.wait,
      execute,
    }) as Promise<Outcome>;
    recorded = outcome;
    outcome.then(resolve, reject);
  });
}

function say(rules: Rules, answer: StoredAnswer, said: PromiseWithResolvers<StoredAnswer>): void {
  switch (rules.settles(answer.status)) {
    case "final":
      said.resolve(answer);
      break;
    case "not_done": {
      const message = `The handler answered ${answer.status}: nothing was done.`;
      said.reject(effectError({ certainty: "definite", tier: null, code: NOT_DONE, message }));
      break;
    }
    case "in_doubt":
      said.reject(doubt(`http_${answer.status}`, `The handler answered ${answer.status}.`));
  }
}

function doubt(code: string, message: string): Error {
  const failure: Failure = { certainty: "indefinite", tier: null, code, message };
  return effectError(failure);
}

/** Not its message, which may quote anything. */
function nameOf(error: unknown): string {
  return `The handler threw ${error instanceof Error ? error.name : typeof error}.`;
}

/** What certainly came to nothing may be asked again under the same key. Of several who ask, one opens it. */
async function reopened<Source>(
  { guard }: IdempotencyOptions<Source>,
  { requestId, tenant }: GuardedCall,
  outcome: Outcome,
): Promise<boolean> {
  if (outcome.status !== "failed" || outcome.failure.code !== NOT_DONE || outcome.receipt === null) return false;
  const by = { actor: "idempotency-key", reason: "sent again after an answer that says that nothing was done" };
  try {
    await guard.reopen(requestId, {
      ...by,
      expectedVersion: outcome.receipt.version,
      ...(tenant === undefined ? {} : { tenant }),
    });
  } catch (error) {
    if (!(error instanceof OnceguardError) || !MOVED_ON.has(error.code)) throw error;
  }
  return true;
}

const MOVED_ON: ReadonlySet<string> = new Set(["version_conflict", "not_resolvable"]);

function told(outcome: Outcome): Entered {
  if (outcome.status === "executed" || outcome.status === "replayed") {
    const stored = outcome.result as StoredAnswer | undefined;
    return stored === undefined || stored.omitted !== undefined ? notKept(stored?.status) : replayed(stored);
  }
  const { title, detail } = WORDS[outcome.status] ?? { title: "It was not done", detail: "" };
  // 202 would be the handler's own word for "accepted": here nothing was, so it is a conflict.
  const code = HTTP_STATUS[outcome.status];
  const status = code < 400 || outcome.status === "retry_later" ? 409 : code;
  const headers = "retryAfterMs" in outcome ? ([["retry-after", retryAfter(outcome.retryAfterMs)]] as const) : [];
  const name = outcome.status === "retry_later" ? "in_progress" : outcome.status;
  return problemEntered(
    { type: `${OUTCOMES_URL}#${name.replaceAll("_", "-")}`, title, status, code: name, detail },
    headers,
  );
}

const WORDS: Readonly<Partial<Record<Outcome["status"], { readonly title: string; readonly detail: string }>>> = {
  in_progress: { title: "The first request is under way", detail: "Send the same request again later." },
  retry_later: { title: "The first request is under way", detail: "Send the same request again later." },
  mismatch: {
    title: "The Idempotency-Key was used for another request",
    detail: "Nothing was done. A new intent needs a new key; a repetition has the same content.",
  },
  in_doubt: {
    title: "It may have been done",
    detail:
      "The first request has not ended with an answer. It is not done again under this key; a person may have to find out.",
  },
  review: { title: "It may have been done", detail: "A person finds out what became of the first request." },
  failed: { title: "It was not done", detail: "A person has settled it: it did not happen." },
  denied: { title: "It is not allowed", detail: "Nothing was done." },
  halted: { title: "It is stopped", detail: "Nothing was done; a person has to resume it." },
  expired: {
    title: "It was settled long ago",
    detail: "Its answer is gone, and it is never done again under this key.",
  },
  unavailable: { title: "The store cannot be reached", detail: "Nothing was done. Send the same request again later." },
};

function replayed(stored: StoredAnswer): Entered {
  const headers = [...stored.headers, ["idempotent-replayed", "true"] as const];
  return { kind: "answer", answer: { status: stored.status, headers, body: bodyOf(stored) } };
}

/** It was done; only its answer was too large to be kept, or a stream. */
function notKept(status = 200): Entered {
  return problemEntered(
    {
      type: `${OUTCOMES_URL}#results`,
      title: "It was done, and its answer is not kept",
      status,
      code: "answer_not_kept",
      detail: `The first request was answered with ${status}, and with more than is kept. It is not done again.`,
    },
    [["idempotent-replayed", "true"]],
  );
}

function refused(
  code: "missing_idempotency_key" | "invalid_idempotency_key" | "request_too_large",
  status: number,
  title: string,
  detail: string,
): Entered {
  return problemEntered({ type: problemUrl(code), title, status, code, detail }, []);
}

function problemEntered(problem: Problem, headers: readonly (readonly [string, string])[]): Entered {
  const body = Buffer.from(JSON.stringify(problem));
  const type = ["content-type", "application/problem+json"] as const;
  return {
    kind: "answer",
    answer: { status: problem.status, headers: [type, ["cache-control", "no-store"], ...headers], body },
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A path is bytes; what is no text in it must not keep it from being recorded. */
function wellFormed(path: string): string {
  return path.toWellFormed().replaceAll("\u0000", "\ufffd");
}
