import type { Tier } from "../catalogue/sinks.ts";

/** What a URL alone tells about an effect. */
export interface HttpProvider {
  kind: string;
  tier: Tier;
}

const HOSTS: readonly [RegExp, string, Tier][] = [
  [
    /api\.stripe\.com|api-m\.(?:sandbox\.)?paypal\.com|api\.(?:square|squareup)\.com|api\.mollie\.com|api\.razorpay\.com|api\.adyen|api\.wise\.com|api\.dwolla|api\.gocardless/,
    "payment",
    "irreversible",
  ],
  [
    /api\.resend\.com\/emails|api\.sendgrid\.com\/v3\/mail|api\.postmarkapp\.com\/email|api\.mailgun\.net|api\.brevo\.com|mandrillapp\.com|api\.mailersend|gmail\.googleapis\.com.*send/,
    "email",
    "irreversible",
  ],
  [/api\.twilio\.com|api\.vonage|rest\.nexmo|graph\.facebook\.com.*messages|api\.telnyx/, "sms", "irreversible"],
  [
    /slack\.com\/api\/chat\.|hooks\.slack\.com|discord(?:app)?\.com\/api\/(?:v\d+\/)?(?:webhooks|channels)|api\.telegram\.org\/.*(?:send|forward|copy|\{\}$)|api\.line\.me|fcm\.googleapis\.com|onesignal\.com/,
    "message",
    "irreversible",
  ],
  [/alpaca\.markets.*orders|api\.binance|api\.kraken|api\.coinbase\.com.*orders|api\.bybit/, "trade", "irreversible"],
  [/api\.lob\.com|api\.easypost\.com|api\.shippo/, "shipping", "irreversible"],
];

/** Words that mean money, goods or messages, as a segment of the path. */
const WORDS =
  /\/(?:payments?|charges?|refunds?|payouts?|transfers?|withdrawals?|invoices?|send-?(?:email|sms|message|mail)s?|checkout\/orders|capture)(?:\/|$|\?|:)/i;

const BY_ID =
  /(?:(?:\{\w*\}|:\w+)\/|[\w}]:)(?:cancel|close|reopen|acknowledge|ack|resolve|archive|unarchive|void|delete|remove|disable|enable|activate|deactivate|suspend|resume|pause|unpause|dismiss|finalize|expire|unsubscribe|read|mark-?as-?read|publish|unpublish|complete|accept|reject|approve|confirm|capture|stop|lock|unlock)\/?(?:\?.*)?$|\/(?:set|delete|remove|unset|edit|mark|pin|unpin)[A-Z]\w*(?:\?.*)?$|\/chat\.(?:update|unfurl|delete)(?:\?.*)?$/;

/** A post that brings something with a name into a state: the second one finds it there. */
export function setsState(url: string): boolean {
  return BY_ID.test(url);
}

export function providerOf(url: string): HttpProvider | null {
  for (const [host, kind, tier] of HOSTS) if (host.test(url)) return { kind, tier };
  return /^https?:\/\//.test(url) && WORDS.test(url) ? { kind: "http-write", tier: "irreversible" } : null;
}
