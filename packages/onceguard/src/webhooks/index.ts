/** An inbox for webhooks: `onceguard/webhooks`. The guide is docs/webhooks.md. */
export { githubWebhooks } from "./github.ts";
export { type WebhookInbox, webhookInbox } from "./inbox.ts";
export type { EventContext, WebhookInboxOptions } from "./inbox-options.ts";
export type { Receiver } from "./receiver.ts";
export { shopifyWebhooks } from "./shopify.ts";
export { slackWebhooks } from "./slack.ts";
export type { Delivery, Verified, WebhookEvent, WebhookSource } from "./source.ts";
export { standardWebhooks, svixWebhooks, type WebhookSecret } from "./standard-webhooks.ts";
export { stripeWebhooks } from "./stripe.ts";
