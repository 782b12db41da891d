import { Command } from "commander";
import { changeKeys } from "../../../http/keys/key-file.ts";
import { NotSo } from "../../exit.ts";
import { print, printJson, visible } from "../../output.ts";
import { conclude, helpAfter, jsonOption } from "../../session.ts";
import { type KeysOptions, keysOption, keysPath } from "./options.ts";

export function revokeCommand(): Command {
  return new Command("revoke")
    .summary("take a key back")
    .description(
      "Takes a key back. It is good for nothing from the next request on, and servers need not be restarted.",
    )
    .argument("<id>", "the key's id, as `keys list` shows it")
    .addOption(keysOption())
    .option("--config <file>", "beside which the file of keys is")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      helpAfter({
        examples: ["onceguard keys revoke 5f1c9a3b7d20"],
        exits: [
          ["0", "revoked"],
          ["1", "there is no such key"],
          ["2", "bad usage, or a file that cannot be used"],
        ],
      }),
    )
    .action((id: string, options: KeysOptions) => conclude(options, () => revoke(id, options)));
}

async function revoke(id: string, options: KeysOptions): Promise<void> {
  const path = await keysPath(options);
  const revoked = await changeKeys(path, (keys) => {
    const found = keys.find((key) => key.id === id);
    if (!found) throw new NotSo(`there is no key ${visible(id)} in ${path}`);
    return { keys: keys.filter((key) => key !== found), answer: found };
  });
  if (options.json) return printJson({ revoked: revoked.id });
  print(`Revoked: key ${revoked.id} of ${visible(revoked.name)}.`);
}
