import { alike, MAKES, READS, SETS } from "./alike.ts";
import type { ReadyRules } from "./ready-rules.ts";

// Slack has no key for posts, and no read finds one by its text. A failure is a plain result: Slack's own `"ok":false`,
// or `error` alone, where there was no answer of Slack's.

const FAILS = {
  failedWhen: '^\\{"(?:ok":false|error")',
  // Of these errors Slack says that something may have been done all the same.
  noEffectWhen:
    '^\\{"ok":false,"error":"(?!fatal_error|internal_error|request_timeout|service_unavailable)|^\\{"error":"(?:Missing required|No arguments)',
} as const;

/** `@modelcontextprotocol/server-slack`, and those that carry it on under its tool names. */
export const slack: ReadyRules = {
  server: "@modelcontextprotocol/server-slack",
  version: "2025.4.25",
  tools: {
    ...alike(READS, [
      "slack_list_channels",
      "slack_get_channel_history",
      "slack_get_thread_replies",
      "slack_get_users",
      "slack_get_user_profile",
    ]),
    ...alike({ ...MAKES, ...FAILS, window: "1h", record: "channel:{channel_id}" }, [
      "slack_post_message",
      "slack_reply_to_thread",
    ]),
    slack_add_reaction: { ...SETS, ...FAILS },
  },
};
