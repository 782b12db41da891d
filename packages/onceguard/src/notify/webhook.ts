import type { Duration } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import { messageOf } from "../core/failure.ts";
import type { Notification, Notifier } from "../core/notification.ts";
import { type NotifierClock, processClock, timeoutMs, underDeadline, whyStopped } from "./deadline.ts";
import { foreignText, notificationFailed } from "./notification-failed.ts";
import { notificationOnWire } from "./notification-wire.ts";
import { webhookAddress } from "./webhook-address.ts";
import { signatures, signingKeys, webhookId } from "./webhook-signature.ts";

/** Options of `webhookNotifier`. */
export interface WebhookNotifierOptions {
  /** https; http on loopback only. User and password in it are sent as an `authorization` header. */
  readonly url: string | URL;
  /**
   * `whsec_` and base64, or base64 alone, of 24 to 64 bytes. Of several, each signs: to change a secret, give both until
   * the receiver knows the new one.
   */
  readonly secret: string | readonly string[];
  /** Sent along, such as an `authorization`. Content type and `webhook-*` are the notifier's own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long one delivery may take. Default 10 s. */
  readonly timeout?: Duration;
  /** Permits http to other machines: inside a network that encrypts by itself. Default false. */
  readonly allowHttp?: boolean;
  /** Default: the process's. Receivers refuse time stamps that are off by more than some minutes. */
  readonly clock?: NotifierClock;
}

/** Most bytes of an answer that are taken off the connection, so that it can be used again. None of them are kept. */
const MAX_ANSWER = 16_384;

/**
 * Tells people by HTTP, signed as Standard Webhooks says (https://www.standardwebhooks.com). Delivered means 2xx.
 *
 * Redirects are not followed and answers are not read: whoever runs the receiver could otherwise have the signed
 * message sent, or this machine's neighbours asked, wherever they like.
 *
 * @throws OnceguardError `invalid_option`; from `deliver`: `notification_failed`, with `fields.status` if there was one.
 */
export function webhookNotifier(options: WebhookNotifierOptions): Notifier {
  const address = webhookAddress(options.url, options.allowHttp === true);
  const keys = signingKeys(options.secret);
  const fixed = fixedHeaders(options.headers ?? {}, address.authorization);
  const clock = options.clock ?? processClock;
  const name = `webhook ${address.display}`;
  const limits = { name, clock, timeoutMs: timeoutMs(options.timeout) };

  const post = async (notification: Notification, signal: AbortSignal): Promise<Response> => {
    const body = webhookBody(notification);
    const id = webhookId(notification.id);
    const timestamp = Math.floor(clock.now() / 1_000); // of this try: receivers refuse old ones
    try {
      const headers = new Headers(fixed);
      headers.set("webhook-id", id);
      headers.set("webhook-timestamp", String(timestamp));
      headers.set("webhook-signature", signatures(keys, id, timestamp, body));
      return await fetch(address.href, { method: "POST", headers, body, redirect: "manual", signal });
    } catch (cause) {
      const problem = whyStopped(signal) ?? `the connection failed (${networkProblem(cause)})`;
      throw notificationFailed(name, notification, `${problem}. It may have arrived all the same.`, {}, cause);
    }
  };

  return {
    name,
    deliver: (notification, outer) =>
      underDeadline(limits, notification, outer, async (signal) => {
        const response = await post(notification, signal);
        await discard(response);
        if (response.ok) return;
        const { status } = response;
        throw notificationFailed(name, notification, refusal(status), { status });
      }),
  };
}

/** `timestamp` is when it came about; when this try is made stands in the header. */
function webhookBody(notification: Notification): string {
  const data = notificationOnWire(notification);
  return JSON.stringify({ type: `onceguard.${data.kind}`, timestamp: data.at, data });
}

function fixedHeaders(given: Readonly<Record<string, string>>, authorization: string | null): Headers {
  const headers = new Headers({ "user-agent": "onceguard", ...(authorization !== null && { authorization }) });
  for (const [header, value] of Object.entries(given)) {
    try {
      headers.set(header, value);
    } catch {
      // The reason that Headers gives has the value in it, which may be a token.
      const problem = "is no HTTP header: its name or its value has characters that may not be sent";
      throw new OnceguardError("invalid_option", `headers[${JSON.stringify(header)}] ${problem}.`, {
        option: "headers",
        header,
      });
    }
  }
  headers.set("content-type", "application/json");
  return headers;
}

function refusal(status: number): string {
  if (status === 410) return "it answered 410 Gone: the receiver wants no more of these. Take the address out.";
  if (status >= 300 && status < 400) {
    return `it answered ${status}, a redirect, and redirects are not followed. Configure the address where it leads to.`;
  }
  return `it answered ${status}.`;
}

/** `fetch` hides what happened in `cause`; an error per address tried (AggregateError) has a code and no message. */
function networkProblem(error: unknown): string {
  const cause = (error as Error).cause ?? error;
  return foreignText(messageOf(cause) || String((cause as { code?: unknown }).code ?? "no reason given"));
}

/** The status has said it all, so that what goes wrong here is nobody's loss. */
async function discard(response: Response): Promise<void> {
  let left = MAX_ANSWER;
  try {
    for await (const chunk of response.body ?? []) {
      left -= chunk.byteLength;
      if (left < 0) return; // leaving the loop cancels the body
    }
  } catch {
    // cut off, or too slow
  }
}
