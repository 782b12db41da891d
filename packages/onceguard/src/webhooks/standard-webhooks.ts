import { jsonOf, plainHeaders, secretsOf, textAt, textOf, timeAt } from "./read.ts";
import type { WebhookSource } from "./source.ts";

/** Several while secrets are being changed. */
export interface WebhookSecret {
  readonly secret: string | readonly string[];
}

interface Verifier {
  verify(payload: string, headers: Record<string, string>): unknown;
}

/** Standard Webhooks (standardwebhooks.com), by its own library `standardwebhooks`. */
export function standardWebhooks(options: WebhookSecret & { readonly name?: string }): WebhookSource {
  const { name = "standard-webhooks" } = options;
  const load = async () => (await import("standardwebhooks")).Webhook;
  return signedById(name, secretsOf("standardWebhooks", options.secret), "webhook-id", load);
}

/** Svix, by its own library `svix`. */
export function svixWebhooks(options: WebhookSecret & { readonly name?: string }): WebhookSource {
  const { name = "svix" } = options;
  const load = async () => (await import("svix")).Webhook;
  return signedById(name, secretsOf("svixWebhooks", options.secret), "svix-id", load);
}

/** Both sign id, time and body, and take nothing older or newer than five minutes. */
function signedById(
  name: string,
  secrets: readonly string[],
  idHeader: string,
  load: () => Promise<new (secret: string) => Verifier>,
): WebhookSource {
  return {
    name,
    verify: async ({ headers, body }) => {
      const Webhook = await load();
      const text = textOf(body);
      const plain = plainHeaders(headers);
      if (!secrets.some((secret) => isSigned(new Webhook(secret), text, plain))) return null;
      const data = jsonOf(body);
      // Svix may also send the names of the standard.
      const id = headers.get(idHeader) ?? headers.get("webhook-id") ?? "";
      const at = timeAt(data, "timestamp");
      return { id, type: textAt(data, "type") ?? "event", object: null, at, data };
    },
  };
}

function isSigned(webhook: Verifier, text: string, headers: Record<string, string>): boolean {
  try {
    webhook.verify(text, headers);
    return true;
  } catch {
    return false;
  }
}
