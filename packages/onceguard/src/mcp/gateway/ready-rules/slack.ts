import { alike, MAKES, READS, SETS } from "./alike.ts";
import type { ReadyRules } from "./ready-rules.ts";

// Slack has no key for posts, and no read finds one by its text. A refusal is a plain result ({"ok":false}), so it is
// recorded as what came of the call; the window is short enough to try again when it was mended.

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
    ...alike({ ...MAKES, window: "1h", record: "channel:{channel_id}", dedupWindow: "none" }, [
      "slack_post_message",
      "slack_reply_to_thread",
    ]),
    slack_add_reaction: SETS,
  },
};
