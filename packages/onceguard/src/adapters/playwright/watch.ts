import { setTimeout as sleep } from "node:timers/promises";
import { effectError, messageOf } from "../../core/failure.ts";
import type { PageLike } from "./page-like.ts";
import type { Pass } from "./pass.ts";
import type { Answer } from "./send.ts";

/**
 * What the other side said to the request that `acting` caused.
 *
 * @throws what the classifier tells apart: never sent, refused, or nobody knows
 */
export async function answerTo(pass: Pass, acting: Promise<unknown>, sendWithinMs: number): Promise<Answer> {
  const acted = acting.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const failed = await Promise.race([pass.taken.then(() => undefined), pass.closed.then(() => undefined), acted]);
  if (!pass.isTaken && !failed) await within(sendWithinMs, Promise.race([pass.taken, pass.closed]));
  // Whatever the page still does: from here on it sends nothing, and that makes the answer below true.
  if (!pass.isTaken) pass.close();
  if (!pass.isTaken) throw await notTaken(pass, failed);
  const answer = await pass.answered;
  // It may wait for the page after. What it says no longer counts: the effect has been made.
  await within(sendWithinMs, acted);
  if (answer.status >= 200 && answer.status <= 303) return answer;
  const { status, headers } = answer;
  throw Object.assign(new Error(`The site answered ${status}.`), { status, response: { status, headers } });
}

export function notSent(message: string): Error {
  return effectError({ certainty: "definite", tier: "transient", code: "not_sent", message });
}

/** Nothing that fits went out. Whether that means that nothing happened depends on whether we would have seen it. */
async function notTaken(pass: Pass, failed: { readonly error: unknown } | undefined): Promise<Error> {
  const why = failed ? ` ${messageOf(withoutCallLog(failed.error))}` : "";
  // A crash is heard of late, and a frozen page says nothing: what it has sent before its answer has been seen.
  if (!(await answers(pass.page)) || pass.hasDied)
    return unclear("page_died", `The page died before its request was seen.${why}`);
  const others = pass.otherRequests;
  if (others.length === 0) return notSent(`The page did not send the request.${why}`);
  const list = others.slice(0, 5).join(", ");
  return unclear("other_requests", `The page sent nothing that fits \`request\`, but it sent ${list}.${why}`);
}

function unclear(code: string, message: string): Error {
  return effectError({ certainty: "indefinite", tier: "transient", code, message });
}

async function answers(page: PageLike): Promise<boolean> {
  const title = page.title().then(
    () => true,
    () => false,
  );
  return (await within(5_000, title)) ?? false;
}

/** Undefined when it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

/** The call log of Playwright's errors has cookies in it, and what was filled in: none of it is to be kept. */
export function withoutCallLog(error: unknown): unknown {
  if (error instanceof Error) error.message = error.message.split("\nCall log:", 1)[0] as string;
  return error;
}
