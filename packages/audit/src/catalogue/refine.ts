import type { Tier } from "./sinks.ts";

/** Operations of a sink that weigh less than the rest of it: what they make can be corrected, or is only a draft. */
const MILD: Record<string, RegExp> = {
  stripe:
    /^(?:products|prices|coupons|promotionCodes|customers|paymentLinks|checkout\.sessions|webhookEndpoints|taxRates|shippingRates|plans|setupIntents|invoiceItems|quotes|files|fileLinks|billing\.meters|billing\.alerts|entitlements|billingPortal|identity|radar|(?:v2\.core\.)?accounts|subscriptionItems|paymentMethods|test)|^subscriptions\.(?:update|deleteDiscount|resume)$|^invoices\.(?:create|update)$/,
  resend: /^(?!emails\.|batch\.|broadcasts\.send)/,
  "coinbase-cdp": /createAccount|requestFaucet/,
  solana: /requestAirdrop/,
  "chain-send": /requestAirdrop/,
  square: /^(?:customers|catalog|checkout|loyalty|cards|bookings)/,
  razorpay: /^(?:orders|customers|paymentLink)/,
  paddle: /^customers/,
  polar: /^customers|^checkouts/,
  twilio: /^conversations|^verify/,
  "slack-web": /^(?:chat\.update|chat\.delete|conversations|reactions|files)/,
  knock: /^messages/,
  // An answer goes to the one who has just asked.
  telegram: /(?:^|\.)reply(?:With\w+)?$/,
  googleapis: /./,
};

/** Records that cost nothing when there are two of them: a price list, a page to pay on, a draft. */
const RECORDS: Record<string, RegExp> = {
  stripe:
    /^(?:products|prices|coupons|promotionCodes|paymentLinks|checkout\.sessions|webhookEndpoints|taxRates|shippingRates|plans|setupIntents|quotes|files|fileLinks|billing\.(?:meters|alerts)|billingPortal|entitlements|identity|radar|(?:v2\.core\.)?accounts|customers|paymentMethods|tax\.)/,
  square: /^(?:customers|catalog|loyalty)/,
  razorpay: /^(?:customers|paymentLink)/,
  paddle: /^customers/,
  polar: /^(?:customers|checkouts)/,
};

export function isRecord(sinkId: string, operation: string): boolean {
  // What is uploaded and then shown to nobody costs nothing either.
  return RECORDS[sinkId]?.test(operation) || /(?:^|\.)upload[A-Z]\w*$/.test(operation);
}

/** What a stripe operation is about, where a label for the whole package would mislead. */
export function tierOf(sinkId: string, operation: string, whole: Tier): Tier {
  return whole === "irreversible" && MILD[sinkId]?.test(operation) ? "side-effecting" : whole;
}

/** Natural by what is done to a thing that has a name already, though the catalogue does not list each path. */
const NATURAL: Record<string, RegExp> = {
  stripe:
    /^(?:invoices\.(?:pay|sendInvoice|markUncollectible)|subscriptions\.migrate$|oauth\.deauthorize$|.*\.(?:expire|close|reject))$/,
  resend: /^(?:.*\.(?:update|remove|cancel)|domains\.verify)$/,
  "slack-web": /^chat\.unfurl$/,
};

export function naturalByName(sinkId: string, operation: string): boolean {
  return NATURAL[sinkId]?.test(operation) ?? false;
}
