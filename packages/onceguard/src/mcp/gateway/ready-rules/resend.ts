import type { ToolRule } from "../../../kinds/gateway-entries.ts";
import { alike, INPUT_ERROR, MAKES, READS, SETS } from "./alike.ts";
import type { ReadyRules } from "./ready-rules.ts";

/** Resend's own names for what it refuses, as they stand in the error; not those that speak of a key. */
const REFUSED = {
  noEffectWhen: `${INPUT_ERROR}|"name":"(?:validation_error|missing_required_field|invalid_(?!idempoten)\\w+|missing_api_key|restricted_api_key|not_found|method_not_allowed|rate_limit_exceeded|(?:daily|monthly)_quota_exceeded|security_error)"`,
} as const;

/** Resend itself dedupes by the key that this server passes on. */
const SENDS: ToolRule = {
  ...MAKES,
  ...REFUSED,
  idempotencyArgument: "idempotencyKey",
  downstreamKey: { provider: "resend" },
};

/** Asked again and again until it is so. */
const CHECKS: ToolRule = { ...SETS, window: "30s" };

/** Of a thing whose id is never given to another. */
function removes(id: string, what: string): ToolRule {
  return { riskTier: "irreversible", keyFields: [id], ...REFUSED, approval: `removes ${what}` };
}

/** `resend-mcp`, Resend's own server. */
export const resend: ReadyRules = {
  server: "resend-mcp",
  version: "2.22.0",
  tools: {
    ...alike(READS, [
      "get-automation",
      "get-automation-runs",
      "get-broadcast",
      "get-contact",
      "get-contact-import",
      "get-contact-property",
      "get-domain",
      "get-domain-claim",
      "get-email",
      "get-email-metrics",
      "get-log",
      "get-received-email",
      "get-received-email-attachment",
      "get-segment",
      "get-sent-email-attachment",
      "get-suppression",
      "get-template",
      "get-tiptap-json-content",
      "get-topic",
      "get-webhook",
      "get-webhook-event",
      "list-api-keys",
      "list-broadcast-clicked-links",
      "list-broadcast-recipients",
      "list-broadcasts",
      "list-contact-imports",
      "list-contact-properties",
      "list-contact-segments",
      "list-contact-topics",
      "list-contacts",
      "list-domains",
      "list-emails",
      "list-logs",
      "list-oauth-grants",
      "list-received-email-attachments",
      "list-received-emails",
      "list-segments",
      "list-sent-email-attachments",
      "list-suppressions",
      "list-templates",
      "list-topics",
      "list-webhook-event-attempts",
      "list-webhook-events",
      "list-webhooks",
    ]),

    ...alike(SENDS, ["send-email", "send-batch-emails"]),
    // A broadcast that was called off can be sent after all: its id names no one effect.
    "send-broadcast": { riskTier: "irreversible", ...REFUSED, approval: "sends a mail to everybody in a segment" },
    "cancel-email": { riskTier: "side_effecting", keyFields: ["id"], ...REFUSED },
    // Starts automations, and the next one of the same kind may look the same.
    "send-event": { ...MAKES, window: "10m" },
    "replay-webhook-event": SETS,

    ...alike(MAKES, [
      "create-api-key",
      "create-automation",
      "create-broadcast",
      "create-contact",
      "create-contact-property",
      "create-domain",
      "create-domain-claim",
      "create-segment",
      "create-template",
      "create-topic",
      "create-webhook",
    ]),
    // The file of the same name may hold other contacts by then.
    "create-contact-import": { ...MAKES, window: "10m" },
    ...alike({ ...MAKES, window: "10m" }, [
      "duplicate-automation",
      "duplicate-broadcast",
      "duplicate-template",
      "share-email",
    ]),

    ...alike(SETS, [
      "add-contact-to-segment",
      "add-suppression",
      "batch-add-suppressions",
      "batch-remove-suppressions",
      "cancel-broadcast",
      "compose-broadcast",
      "compose-template",
      "publish-template",
      "remove-contact-from-segment",
      "remove-suppression",
      "update-api-key",
      "update-automation",
      "update-broadcast",
      "update-contact",
      "update-contact-property",
      "update-contact-topics",
      "update-domain",
      "update-email",
      "update-segment",
      "update-template",
      "update-topic",
      "update-webhook",
    ]),
    // The latter also lists.
    ...alike(CHECKS, [
      "connect-to-editor",
      "disconnect-from-editor",
      "verify-domain",
      "verify-domain-claim",
      "manage-events",
    ]),

    "remove-api-key": removes("id", "a key, and locks out what uses it"),
    "remove-automation": removes("id", "an automation"),
    "remove-broadcast": removes("broadcastId", "a broadcast"),
    "remove-contact-property": removes("contactPropertyId", "a property from all contacts"),
    "remove-domain": removes("id", "a sending domain"),
    "remove-segment": removes("id", "a segment"),
    "remove-topic": removes("id", "a topic, with what contacts chose for it"),
    "remove-webhook": removes("webhookId", "a webhook"),
    "revoke-oauth-grant": removes("id", "an application's access"),
    // Named by an address or an alias, which can come to stand for something else.
    "remove-contact": { riskTier: "irreversible", approval: "removes a contact" },
    "remove-template": { riskTier: "irreversible", approval: "removes a template" },
    "rotate-webhook-signing-secret": {
      riskTier: "irreversible",
      approval: "what checks the webhook's signature needs the new secret",
    },
  },
};
