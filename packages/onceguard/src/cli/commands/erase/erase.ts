import type { Command } from "commander";
import { actorOf } from "../../actor.ts";
import { count, print, printJson, progress, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";

interface EraseOptions extends CommonOptions {
  readonly subject: string;
  readonly reason: string;
  readonly actor?: string;
  readonly tenant?: string;
}

export function eraseCommand(): Command {
  return command(
    "erase",
    "Forget a person, or whoever else private fields are about: destroys the key that they were encrypted under, so that neither the store nor any backup of it can be read any more. What was done stays known by its request id, and never executes again; a sealed log still verifies. Needs the config's `keys`.",
    {
      summary: "destroy the key of a subject's private fields",
      examples: [
        'onceguard erase --subject customer:4711 --reason "asked on 2026-11-21, ticket 88"',
        "onceguard erase --subject customer:4711 --tenant acme --reason ...   # harmless when run again",
      ],
      exits: [
        ["0", "erased, or there was no key"],
        ["1", "a request of the subject is open: settle it first; nothing was erased"],
        ["2", "bad usage, or no keys in the config"],
      ],
    },
  )
    .requiredOption("--subject <name>", "as the actions' privacy.subject names it")
    .requiredOption("--reason <text>", "why; kept in the log, which never has the subject's name")
    .option("--actor <name>", "who decides (default: your user name)")
    .option("--tenant <tenant>", "whose subject it is")
    .action((options: EraseOptions) => conclude(options, () => erase(options)));
}

async function erase(options: EraseOptions): Promise<void> {
  const { subject, reason, tenant } = options;
  const { destroyed, expired } = await withGuard(options, { config: "whole" }, async ({ guard }) => {
    try {
      return await guard.erase({
        subject,
        reason,
        actor: actorOf(options),
        ...(tenant !== undefined && { tenant }),
        onProgress: (n) => progress(`${n} forgotten, going on`),
      });
    } finally {
      progress(null);
    }
  });
  if (options.json) return printJson({ destroyed, expired });
  print(
    destroyed
      ? `${visible(subject)}: key destroyed, ${count(expired, "request")} forgotten.`
      : `${visible(subject)} has no key here: there is nothing to erase.`,
  );
}
