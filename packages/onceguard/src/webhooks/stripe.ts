import { jsonOf, secretsOf, textAt, textOf, timeAt } from "./read.ts";
import type { WebhookSource } from "./source.ts";
import type { WebhookSecret } from "./standard-webhooks.ts";

/** As Stripe's own libraries have it. */
const TOLERANCE_S = 300;

/** Stripe, by its own library `stripe`. The id is the event's, which is signed. */
export function stripeWebhooks({ secret }: WebhookSecret): WebhookSource {
  const secrets = secretsOf("stripeWebhooks", secret);
  return {
    name: "stripe",
    verify: async ({ headers, body }) => {
      const { default: Stripe } = await import("stripe");
      const text = textOf(body);
      const signature = headers.get("stripe-signature") ?? "";
      const isSigned = secrets.some((one) => {
        try {
          return Stripe.webhooks.signature?.verifyHeader(text, signature, one, TOLERANCE_S) === true;
        } catch {
          return false;
        }
      });
      if (!isSigned) return null;
      const data = jsonOf(body);
      const [kind, id] = [textAt(data, "data.object.object"), textAt(data, "data.object.id")];
      return {
        id: textAt(data, "id") ?? "",
        type: textAt(data, "type") ?? "event",
        object: kind !== null && id !== null ? `${kind}:${id}` : null,
        at: timeAt(data, "created"),
        data,
      };
    },
  };
}
