import { isLapsed, type Receipt } from "../core/receipt.ts";
import { hasConsent } from "./hold-words.ts";
import type { CommonOptions } from "./session.ts";

/** What to type next, so that it can be copied: with config and store as named, unless a store may hold a password. */
export function nextCommand(words: string, requestId: string | null, options: CommonOptions, tail = ""): string {
  const store = options.store?.startsWith("sqlite:") ? ` --store ${quoted(options.store)}` : "";
  const config = options.config === undefined ? "" : ` --config ${quoted(options.config)}`;
  const id = requestId === null ? "" : ` ${quoted(requestId)}`;
  return `onceguard ${words}${id}${tail && ` ${tail}`}${config}${store}`;
}

export function resolveWords(requestId: string, options: CommonOptions): string {
  return nextCommand("review resolve", requestId, options, "--happened|--did-not-happen|--retry --reason TEXT");
}

export function approveWords(requestId: string, options: CommonOptions): string {
  return nextCommand("review approve", requestId, options, "--reason TEXT");
}

/** The next step for a record that is not settled; null when there is none to take. */
export function nextStep(receipt: Receipt, options: CommonOptions): string | null {
  const { requestId, state, capability, action } = receipt;
  if (state === "held") return heldStep(receipt, options);
  if (state === "review" || (state === "in_doubt" && capability === "none")) return resolveWords(requestId, options);
  if (action === "run" && (state === "in_doubt" || state === "retry_wait")) return "the same `onceguard run` again";
  if (state === "in_doubt" || state === "retry_wait" || isLapsed(receipt))
    return nextCommand("reconcile", requestId, options);
  return null;
}

/** Who moves a held request: a person, its case, or, once a person has agreed, whoever executes it. */
function heldStep(receipt: Receipt, options: CommonOptions): string | null {
  const { requestId, action, hold } = receipt;
  if (hold?.waitsFor === "case") return null;
  if (!hasConsent(receipt)) return approveWords(requestId, options);
  return action === "run" ? "the same `onceguard run` again" : nextCommand("reconcile", requestId, options);
}

/** Why it stands where it stands: the reason, and what the last attempt or a person said. */
export function because({ reason, failure }: Receipt): string | null {
  const said = failure?.message ?? null;
  if (reason === null || said === null) return reason ?? said;
  return said.includes(reason) ? said : `${reason}: ${said}`;
}

/** For a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
