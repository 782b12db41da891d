import { alike, MAKES, READS, SETS } from "./alike.ts";
import type { ReadyRules } from "./ready-rules.ts";

// A message is posted first and read back then: an error may come after it.

/** `slack-mcp-server` from npm, which is github.com/korotovsky/slack-mcp-server. */
export const slackMcpServer: ReadyRules = {
  server: "slack-mcp-server",
  version: "1.3.0",
  tools: {
    ...alike(READS, [
      "attachment_get_data",
      "channels_list",
      "channels_me",
      "conversations_history",
      "conversations_replies",
      "conversations_search_messages",
      "conversations_unreads",
      "saved_list",
      "usergroups_list",
      "users_search",
    ]),
    conversations_add_message: {
      ...MAKES,
      window: "1h",
      record: "channel:{channel_id}",
    },
    ...alike(SETS, [
      "conversations_join",
      "conversations_mark",
      "reactions_add",
      "reactions_remove",
      "saved_clear_completed",
      "saved_update",
      "usergroups_update",
      "usergroups_users_update",
    ]),
    usergroups_create: MAKES,
    // One of its actions only lists: what it shows again must not be old.
    usergroups_me: { ...SETS, window: "30s" },
    conversations_leave: {
      riskTier: "irreversible",
      record: "channel:{channel_id}",
      approval: "a private channel takes nobody back without an invitation",
    },
  },
};
