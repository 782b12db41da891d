import { createHash } from "node:crypto";
import type { JsonValue } from "../core/json.ts";
import { jsonOf, objectAt, secretsOf, textAt, textOf, timeAt } from "./read.ts";
import type { WebhookSource } from "./source.ts";
import type { WebhookSecret } from "./standard-webhooks.ts";

/**
 * GitHub, by its own library `@octokit/webhooks`; hooks of content type application/json. Its delivery id is not signed, so
 * that anybody who has seen one delivery could send it again under a new one: the id is that of the content instead.
 */
export function githubWebhooks({ secret }: WebhookSecret): WebhookSource {
  const secrets = secretsOf("githubWebhooks", secret);
  return {
    name: "github",
    verify: async ({ headers, body }) => {
      const { Webhooks } = await import("@octokit/webhooks");
      const text = textOf(body);
      const signature = headers.get("x-hub-signature-256") ?? "";
      let isSigned = false;
      for (const one of secrets) {
        isSigned ||=
          signature !== "" && (await new Webhooks({ secret: one }).verify(text, signature).catch(() => false));
      }
      if (!isSigned) return null;
      const data = jsonOf(body);
      // Not signed either, and only used as the first part of the type's name.
      const event = /^[a-z_]{1,64}$/.exec(headers.get("x-github-event") ?? "")?.[0] ?? "event";
      const action = textAt(data, "action");
      const id = createHash("sha256").update(body).digest("hex");
      return { id, type: action === null ? event : `${event}.${action}`, ...about(data), data };
    },
  };
}

const KINDS = ["pull_request", "issue", "release", "deployment", "check_run", "workflow_run", "repository"] as const;

/** The first of these that it is about. */
function about(data: JsonValue): { object: string | null; at: number | null } {
  const repository = textAt(data, "repository.full_name");
  for (const kind of KINDS) {
    const found = objectAt(data, kind);
    const id = found === null ? null : (textAt(found, "number") ?? textAt(found, "id"));
    if (found === null || id === null) continue;
    const object = kind === "repository" ? `repository:${repository ?? id}` : `${kind}:${repository ?? ""}#${id}`;
    return { object, at: timeAt(found, "updated_at") };
  }
  return { object: null, at: null };
}
