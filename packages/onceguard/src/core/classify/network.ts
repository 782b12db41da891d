import { type Classifier, classifier } from "./classifier.ts";
import { codeOf, isObject, messageOf, textAt } from "./read.ts";
import { handshakeFailure } from "./tls.ts";
import { MAX_DEPTH, wrapped } from "./wrapped.ts";

/** Codes that arise only before there is a connection to send on, whatever the error says about its system call. */
const NEVER_CONNECTED: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/**
 * System calls that come before the first byte. They decide for codes with two meanings: ETIMEDOUT, EHOSTUNREACH and
 * ECONNRESET also come from `read`, on a connection whose request has long been carried out.
 */
const BEFORE_SENDING: ReadonlySet<string> = new Set(["connect", "getaddrinfo"]);

/** Codes of a connection that broke while, or after, something was sent on it. */
const MAYBE_SENT =
  /^(?:ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ESOCKETTIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EHOSTDOWN|EPROTO|ERR_NETWORK|ERR_STREAM_PREMATURE_CLOSE|(?:UND_ERR|HPE|ERR_HTTP2|ERR_SSL|ERR_TLS)_\w+)$/;

/**
 * Errors of Node's sockets, of undici and of fetch. Definite only when nothing was ever sent: no address, no connection,
 * or no trust in the other side's certificate. A connection that breaks later may have carried the effect.
 */
export const networkErrors: Classifier = classifier((error) => {
  const neverSent = neverSentCode(error);
  if (neverSent !== undefined) {
    return { certainty: "definite", tier: "transient", code: neverSent, message: messageOf(error) };
  }
  if (unparsableUrl(error)) {
    return { certainty: "definite", tier: "validation", code: "ERR_INVALID_URL", message: messageOf(error) };
  }
  const code = codeOf(error) ?? codeOf(wrapped(error));
  if (code === undefined || !MAYBE_SENT.test(code)) return undefined;
  return { certainty: "indefinite", tier: "transient", code, message: messageOf(error) };
});

/** The code of an error that proves that nothing was sent. Of an AggregateError (one per address) every member must. */
export function neverSentCode(error: unknown, depth = 0): string | undefined {
  if (!isObject(error) || depth >= MAX_DEPTH) return undefined;
  if (Array.isArray(error.errors)) {
    // Array.from, because map and every pass over holes.
    const members = Array.from(error.errors.slice(0, MAX_MEMBERS + 1));
    const codes = members.map((member: unknown) => neverSentCode(member, depth + 1));
    return codes.length <= MAX_MEMBERS && codes.every((code) => code !== undefined) ? codes[0] : undefined;
  }
  const inside = wrapped(error);
  if (inside !== undefined) return neverSentCode(inside, depth + 1);
  const code = codeOf(error);
  if (code === undefined || !beforeSending(error, code)) return undefined;
  // A cause may confirm it (axios copies the code and keeps the error); a cause that was sent contradicts it.
  const { cause } = error;
  const contradicted = isObject(cause) && (codeOf(cause) !== undefined || Array.isArray(cause.errors));
  return contradicted && neverSentCode(cause, depth + 1) === undefined ? undefined : code;
}

/** More addresses than any name has. */
const MAX_MEMBERS = 64;

function beforeSending(error: object, code: string): boolean {
  if (handshakeFailure(error, code)) return true;
  const syscall =
    textAt(error, "syscall") ?? (textAt(error, "cause", "code") === code ? causeSyscall(error) : undefined);
  return syscall === undefined ? NEVER_CONNECTED.has(code) : BEFORE_SENDING.has(syscall);
}

function causeSyscall(error: object): string | undefined {
  return textAt(error, "cause", "syscall");
}

/**
 * fetch's own check of the address it is called with. A bare ERR_INVALID_URL proves nothing: it is also what reading an
 * address in the answer throws, and what fetch has as its cause when a redirect leads nowhere.
 */
function unparsableUrl(error: unknown): boolean {
  return (
    textAt(error, "name") === "TypeError" &&
    textAt(error, "message")?.startsWith("Failed to parse URL from ") === true &&
    textAt(error, "cause", "code") === "ERR_INVALID_URL"
  );
}
