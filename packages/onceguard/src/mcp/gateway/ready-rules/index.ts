import { filesystem } from "./filesystem.ts";
import { github } from "./github.ts";
import { mailgun } from "./mailgun.ts";
import { memory } from "./memory.ts";
import type { ReadyRules } from "./ready-rules.ts";
import { resend } from "./resend.ts";
import { slack } from "./slack.ts";
import { slackMcpServer } from "./slack-mcp-server.ts";
import { stripe } from "./stripe.ts";

/** Rules for well-known servers, by the name that `--rules` takes. */
export const READY_RULES: Readonly<Record<string, ReadyRules>> = {
  filesystem,
  memory,
  github,
  stripe,
  slack,
  "slack-mcp-server": slackMcpServer,
  resend,
  mailgun,
};
