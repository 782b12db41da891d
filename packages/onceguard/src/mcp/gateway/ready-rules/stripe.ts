import type { ToolRule } from "../../../kinds/gateway-entries.ts";
import { alike, INPUT_ERROR, MAKES, READS, SETS } from "./alike.ts";
import type { ReadyRules } from "./ready-rules.ts";

// None of its tools takes an idempotency key, and none lists refunds: what is in doubt is for a person.
// A failure is a plain result ("Failed to create refund") which does not say whether Stripe refused or its answer was lost.

const FAILS = { failedWhen: '^"?Failed to ', noEffectWhen: INPUT_ERROR } as const;
const CREATES: ToolRule = { ...MAKES, ...FAILS };

/**
 * `@stripe/mcp` up to 0.2. From 0.3 on it is a pipe to mcp.stripe.com, which has most of these tools under the same names;
 * what it has besides has no rule here.
 */
export const stripe: ReadyRules = {
  server: "@stripe/mcp",
  version: "0.2.5",
  tools: {
    ...alike(READS, [
      "list_customers",
      "list_products",
      "list_prices",
      "list_invoices",
      "retrieve_balance",
      "list_payment_intents",
      "list_subscriptions",
      "list_coupons",
      "list_disputes",
      "search_stripe_documentation",
    ]),
    ...alike(CREATES, ["create_customer", "create_product", "create_price", "create_payment_link", "create_coupon"]),
    // An empty draft. The next one for the same customer says the same.
    create_invoice: { ...CREATES, window: "10m", record: "customer:{customer}" },
    // Charged as often as it is there.
    create_invoice_item: { ...CREATES, record: "invoice:{invoice}" },
    update_subscription: { ...SETS, ...FAILS, record: "subscription:{subscription}" },
    finalize_invoice: {
      ...FAILS,
      riskTier: "irreversible",
      keyFields: ["invoice"],
      record: "invoice:{invoice}",
    },
    // Two refunds of the same part of one payment are two intents: only a key can tell.
    create_refund: {
      ...FAILS,
      riskTier: "irreversible",
      record: "payment_intent:{payment_intent}",
      approval: "pays money back",
    },
    cancel_subscription: {
      ...FAILS,
      riskTier: "irreversible",
      keyFields: ["subscription"],
      record: "subscription:{subscription}",
      approval: "ends a subscription",
    },
    update_dispute: {
      ...FAILS,
      riskTier: "irreversible",
      record: "dispute:{dispute}",
      approval: "evidence can be submitted to the bank once",
    },
  },
};
