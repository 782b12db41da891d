import { Command } from "commander";
import { readKeys } from "../../../http/keys/key-file.ts";
import { paint, print, printJson, printTable, visible } from "../../output.ts";
import { conclude, helpAfter, jsonOption } from "../../session.ts";
import { type KeysOptions, keysOption, keysPath } from "./options.ts";

export function listCommand(): Command {
  return new Command("list")
    .summary("whose keys there are")
    .description("Lists the keys: whose they are and what they may do. The keys themselves are nowhere.")
    .addOption(keysOption())
    .option("--config <file>", "beside which the file of keys is")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      helpAfter({
        examples: ["onceguard keys list", "onceguard keys list --json"],
        exits: [
          ["0", "listed"],
          ["2", "a file that cannot be used"],
        ],
      }),
    )
    .action((options: KeysOptions) => conclude(options, () => list(options)));
}

async function list(options: KeysOptions): Promise<void> {
  const path = await keysPath(options);
  const keys = readKeys(path);
  if (options.json) return printJson({ keys: keys.map(({ sha256: _sha256, ...shown }) => shown) });
  if (keys.length === 0) return print(`There are no keys in ${path}. Next: onceguard keys add --name NAME`);
  const now = Date.now();
  printTable(
    [
      { title: "ID" },
      { title: "NAME", shrink: true },
      { title: "ROLE" },
      { title: "TENANT", shrink: true },
      { title: "MADE" },
      { title: "EXPIRES" },
    ],
    keys.map(({ id, name, role, tenant, created_at, expires_at }) => [
      id,
      visible(name),
      role,
      visible(tenant),
      day(created_at),
      expires_at !== undefined && Date.parse(expires_at) <= now ? paint("red", "expired") : day(expires_at),
    ]),
  );
}

function day(time: string | undefined): string {
  return time === undefined ? "-" : new Date(time).toISOString().slice(0, 10);
}
