import { createHash } from "node:crypto";
import type { JsonValue } from "../core/json.ts";
import { isHmacSha256 } from "./hmac-signature.ts";
import { jsonOf, secretsOf, textAt, textOf, timeAt } from "./read.ts";
import type { WebhookSource } from "./source.ts";
import type { WebhookSecret } from "./standard-webhooks.ts";

/** Slack says to take nothing that is more than five minutes away. */
const TOLERANCE_S = 300;

/**
 * Slack: HMAC-SHA256 of `v0:timestamp:body` with the app's signing secret, in hex (api.slack.com, "Verifying requests from
 * Slack"). For the Events API, and for commands and interactions, which are forms.
 */
export function slackWebhooks({ secret }: WebhookSecret): WebhookSource {
  const secrets = secretsOf("slackWebhooks", secret);
  return {
    name: "slack",
    verify: async ({ headers, body }) => {
      const timestamp = headers.get("x-slack-request-timestamp") ?? "";
      const signature = /^v0=([0-9a-f]{64})$/.exec(headers.get("x-slack-signature") ?? "")?.[1];
      const isRecent = /^\d{1,12}$/.test(timestamp) && Math.abs(Date.now() / 1_000 - Number(timestamp)) <= TOLERANCE_S;
      if (signature === undefined || !isRecent) return null;
      const text = textOf(body);
      if (!isHmacSha256(secrets, `v0:${timestamp}:${text}`, signature, "hex")) return null;
      const isForm = /^application\/x-www-form-urlencoded\b/i.test(headers.get("content-type") ?? "");
      const data = isForm ? formOf(text) : jsonOf(body);
      const challenge = textAt(data, "challenge");
      if (textAt(data, "type") === "url_verification" && challenge !== null) return { challenge };
      const digest = createHash("sha256").update(body).digest("hex");
      return {
        id: textAt(data, "event_id") ?? textAt(data, "trigger_id") ?? digest,
        type: textAt(data, "event.type") ?? textAt(data, "command") ?? textAt(data, "type") ?? "event",
        object: channelOf(data),
        at: timeAt(data, "event.event_ts") ?? timeAt(data, "event_time"),
        data,
      };
    },
  };
}

function channelOf(data: JsonValue): string | null {
  const channel = textAt(data, "event.channel") ?? textAt(data, "channel.id") ?? textAt(data, "channel_id");
  const message = textAt(data, "event.ts") ?? textAt(data, "message.ts");
  if (channel === null) return null;
  return message === null ? null : `message:${channel}/${message}`;
}

/** A command's fields; of an interaction, the JSON in its field `payload`. */
function formOf(text: string): JsonValue {
  const fields = Object.fromEntries(new URLSearchParams(text));
  return fields.payload === undefined ? fields : jsonOf(Buffer.from(fields.payload));
}
