import type { ToolRule } from "../../../kinds/gateway-entries.ts";
import { alike, INPUT_ERROR, MAKES, READS, SETS } from "./alike.ts";
import type { ReadyRules } from "./ready-rules.ts";

// Mailgun has no key for messages. Errors of its API and lost answers are error results alike; the words begin with the
// status that Mailgun answered with, if it did.

const REFUSED = {
  noEffectWhen: `${INPUT_ERROR}|^(?:Bad request|Authentication failed|Access denied|Resource not found) for |^Mailgun API error \\(HTTP (?:409|422|429)\\)|^Error: Required path parameter `,
} as const;
const CREATES: ToolRule = { ...MAKES, ...REFUSED };
const CHANGES: ToolRule = { ...SETS, ...REFUSED };

/** Mailgun's own server. */
export const mailgun: ReadyRules = {
  server: "github.com/mailgun/mailgun-mcp-server",
  version: "2.1.0",
  tools: {
    ...alike(READS, [
      "get-v1-bounce-classification-stats",
      "get-v3-domain-aggregates-countries",
      "get-v3-domain-aggregates-devices",
      "get-v3-domain-aggregates-providers",
      "get-v3-domain-bounces",
      "get-v3-domain-bounces-address",
      "get-v3-domain-complaints",
      "get-v3-domain-complaints-address",
      "get-v3-domain-stats-total",
      "get-v3-domain-tag",
      "get-v3-domain-tag-stats",
      "get-v3-domain-tag-stats-aggregates",
      "get-v3-domain-tags",
      "get-v3-domain-templates",
      "get-v3-domain-templates-template",
      "get-v3-domain-templates-template-versions",
      "get-v3-domain-templates-template-versions-version",
      "get-v3-domain-unsubscribes",
      "get-v3-domain-unsubscribes-address",
      "get-v3-domain-whitelists",
      "get-v3-domain-whitelists-value",
      "get-v3-domains-domain-limits-tag",
      "get-v3-domains-domain-messages-storage_key",
      "get-v3-domains-domain-tag-countries",
      "get-v3-domains-domain-tag-devices",
      "get-v3-domains-domain-tag-providers",
      "get-v3-domains-domain-webhooks",
      "get-v3-domains-domain-webhooks-webhook",
      "get-v3-domains-name-sending_queues",
      "get-v3-domains-name-tracking",
      "get-v3-ip_pools",
      "get-v3-ip_pools-pool_id",
      "get-v3-ip_pools-pool_id-domains",
      "get-v3-ips",
      "get-v3-ips-ip",
      "get-v3-ips-ip-domains",
      "get-v3-lists",
      "get-v3-lists-list_address",
      "get-v3-lists-list_address-members",
      "get-v3-lists-list_address-members-member_address",
      "get-v3-routes",
      "get-v3-routes-id",
      "get-v3-stats-filter",
      "get-v3-stats-total",
      "get-v3-stats-total-domains",
      "get-v4-domains",
      "get-v4-domains-name",
      "get-v5-accounts-limit-custom-monthly",
      "get-v5-accounts-subaccounts-ip_pools-all",
      "get_inbox_placement_result",
      "get_metrics_summary",
      "get_preview_result",
      // Questions that are too long for an address.
      "post-v1-analytics-logs",
      "post-v1-analytics-metrics",
      "post-v1-analytics-usage-metrics",
      "post-v2-bounce-classification-metrics",
      "validate_email",
    ]),
    ...alike(CREATES, [
      "post-v3-domain-messages",
      "post-v3-domains-domain-messages-storage_key",
      "post-v3-domains-domain-webhooks",
      "post-v3-domain-templates",
      "post-v3-domain-templates-template-versions",
      "post-v3-lists",
      "post-v3-lists-list_address-members",
    ]),
    ...alike(CHANGES, [
      "put-v3-domain-templates-template",
      "put-v3-domain-templates-template-versions-version",
      "put-v3-domains-domain-webhooks-webhook",
      "put-v3-domains-name-tracking-click",
      "put-v3-domains-name-tracking-open",
      "put-v3-domains-name-tracking-unsubscribe",
      "put-v3-lists-list_address",
      "put-v3-lists-list_address-members-member_address",
      "put-v3-routes-id",
    ]),
    // Asked again and again until the name servers have it.
    "put-v4-domains-name-verify": { ...CHANGES, window: "30s" },
  },
};
