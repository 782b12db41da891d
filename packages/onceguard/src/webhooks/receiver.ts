import { createHash } from "node:crypto";
import { OnceguardError } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";
import { problemWithName } from "../core/request-id.ts";
import { problem, retryAfter } from "../http/problem.ts";
import { readBytes } from "../http/request-body.ts";
import type { Guard } from "../pipeline/guard.ts";
import type { RecordedEvent, WebhookInboxOptions } from "./inbox-options.ts";
import type { WebhookEvent } from "./source.ts";

/** A handler of the web platform, for the address that the provider sends to. */
export type Receiver = (request: Request) => Promise<Response>;

interface Setup extends WebhookInboxOptions {
  readonly name: string;
  readonly tenant: string;
  /** The name of the inbox's action. */
  readonly action: string;
}

type ReceivingGuard = Pick<Guard, "enqueue" | "reconcile">;

const MAX_BODY = 1_048_576;

/**
 * Verified, persisted, answered: in this order, and nothing else in between. Whatever is not answered with 2xx the provider
 * sends again, and what was persisted is not persisted twice.
 */
export function createReceiver(setup: Setup, guard: ReceivingGuard): Receiver {
  const report = setup.report ?? ((error) => process.emitWarning(error as Error));
  return async (request) => {
    if (request.method !== "POST")
      return problem("method_not_allowed", "Webhooks are sent by POST.", {}, { allow: "POST" });
    let body: Uint8Array | null;
    try {
      body = await readBytes(request, setup.maxBodyBytes ?? MAX_BODY);
    } catch {
      return problem("invalid_request", "The body did not arrive whole. Nothing was done.");
    }
    if (body === null) return problem("request_too_large", "The body is too large.", {}, { connection: "close" });
    try {
      const verified = await setup.source.verify({ headers: request.headers, body });
      // Not why: whoever has the secret can find out, and nobody else should.
      if (verified === null) return problem("unauthenticated", "This is not signed as it should be.");
      if ("challenge" in verified)
        return new Response(verified.challenge, { headers: { "content-type": "text/plain" } });
      return await persisted(setup, guard, recordedEvent(setup, verified), report);
    } catch (error) {
      if (error instanceof OnceguardError && error.code.startsWith("payload_")) {
        return problem("invalid_request", `${error.message} Nothing was done.`);
      }
      report(error);
      return problem("internal", "It could not be taken in. Send it again.");
    }
  };
}

async function persisted(
  setup: Setup,
  guard: ReceivingGuard,
  event: RecordedEvent,
  report: (error: unknown) => void,
): Promise<Response> {
  const requestId = requestIdOf(setup, event);
  let outcome: Outcome;
  try {
    outcome = await guard.enqueue(setup.action as never, event as never, { requestId, tenant: setup.tenant });
  } catch (error) {
    if (!(error instanceof OnceguardError) || error.code !== "store_unavailable") throw error;
    report(error);
    return again("2");
  }
  switch (outcome.status) {
    case "unavailable":
      return again(retryAfter(outcome.retryAfterMs));
    case "halted":
    case "denied":
      // Of what has not been taken in, the provider keeps a copy.
      return outcome.receipt === null ? again("60") : received();
    case "mismatch":
      report(new Error(`${setup.name}: event ${event.id} came again as another one; the first counts`));
      return received();
    default: {
      const isOpen = outcome.status === "retry_later" && outcome.receipt?.attemptNumber === 0;
      // After the answer. Should this process end before, a sweeper handles it.
      if (isOpen) setImmediate(() => void guard.reconcile(requestId, { tenant: setup.tenant }).catch(report));
      return received();
    }
  }
}

function received(): Response {
  return Response.json({ received: true });
}

function again(seconds: string): Response {
  return problem("too_busy", "It was not taken in. Send it again.", {}, { "retry-after": seconds });
}

function recordedEvent({ object, at }: Setup, event: WebhookEvent): RecordedEvent {
  const about = object ? object(event) : event.object;
  return {
    id: event.id,
    type: event.type.slice(0, 255),
    object: about === null ? null : nameOf(about),
    at: at ? at(event) : event.at,
    data: event.data,
  };
}

/** By what the application says is the same, or the event's own id. */
function requestIdOf({ name, same }: Setup, event: RecordedEvent): string {
  const id = same?.(event) ?? event.id;
  if (id === "") throw new OnceguardError("payload_not_json", "The event has no id.");
  return nameOf(`webhook:${name}:${id}`);
}

/** Any text as a name that every store takes. */
function nameOf(text: string): string {
  return problemWithName(text) === null ? text : `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
