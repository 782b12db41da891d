import { createHash } from "node:crypto";
import { isHmacSha256 } from "./hmac-signature.ts";
import { jsonOf, secretsOf, textAt, timeAt } from "./read.ts";
import type { WebhookSource } from "./source.ts";
import type { WebhookSecret } from "./standard-webhooks.ts";

/**
 * Shopify: HMAC-SHA256 of the body with the app's client secret, in base64 (shopify.dev, "Verify the origin of the webhook").
 * Its headers are not signed, the webhook id among them: the id is that of the content instead.
 */
export function shopifyWebhooks({ secret }: WebhookSecret): WebhookSource {
  const secrets = secretsOf("shopifyWebhooks", secret);
  return {
    name: "shopify",
    verify: async ({ headers, body }) => {
      const signature = headers.get("x-shopify-hmac-sha256") ?? "";
      if (!isHmacSha256(secrets, body, signature, "base64")) return null;
      const data = jsonOf(body);
      const topic = /^[a-z_]+(?:\/[a-z_]+)*$/.exec(headers.get("x-shopify-topic") ?? "")?.[0] ?? "event";
      const kind = topic.split("/")[0] ?? "event";
      const id = textAt(data, "admin_graphql_api_id") ?? textAt(data, "id");
      return {
        id: createHash("sha256").update(body).digest("hex"),
        type: topic,
        object: id === null ? null : id.startsWith("gid:") ? id : `${kind}:${id}`,
        at: timeAt(data, "updated_at"),
        data,
      };
    },
  };
}
