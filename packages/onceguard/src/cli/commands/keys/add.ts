import { Command, Option } from "commander";
import { durationMs } from "../../../core/duration.ts";
import { makeApiKey } from "../../../http/keys/api-key.ts";
import { changeKeys } from "../../../http/keys/key-file.ts";
import { ROLES, type Role } from "../../../http/principal.ts";
import { spanOption } from "../../option-parsers.ts";
import { note, print, printJson } from "../../output.ts";
import { conclude, helpAfter, jsonOption } from "../../session.ts";
import { type KeysOptions, keysOption, keysPath } from "./options.ts";

interface AddOptions extends KeysOptions {
  readonly name: string;
  readonly role: Role;
  readonly tenant: string;
  readonly expires?: string;
}

export function addCommand(): Command {
  return new Command("add")
    .summary("make a key")
    .description("Makes a key and prints it. It is shown this once: only its hash is kept.")
    .requiredOption("--name <name>", "who calls with it; stands in the action log")
    .addOption(new Option("--role <role>", "what it may do").choices(ROLES).default("caller"))
    .option("--tenant <tenant>", "whose requests it is for", "default")
    .option("--expires <time>", "how long it is good for, such as 90d (default: until it is revoked)", spanOption)
    .addOption(keysOption())
    .option("--config <file>", "beside which the file of keys is")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      helpAfter({
        examples: [
          "onceguard keys add --name agent-7                 # may execute, propose and claim",
          "onceguard keys add --name ann --role reviewer     # may decide what waits for a person",
          "onceguard keys add --name desk --role operator    # decides, stops and resumes; evidence",
          "onceguard keys add --name audit --role auditor    # only reads",
        ],
        exits: [
          ["0", "made; the key is on stdout"],
          ["2", "bad usage, or a file that cannot be used"],
        ],
      }),
    )
    .action((options: AddOptions) => conclude(options, () => add(options)));
}

async function add(options: AddOptions): Promise<void> {
  const { name, role, tenant, expires } = options;
  const now = new Date();
  const expiresAt = expires === undefined ? null : new Date(now.getTime() + durationMs(expires as never, "expires"));
  const path = await keysPath(options);
  const { key, kept } = makeApiKey(
    { tenant, name, role, ...(expiresAt && { expires_at: expiresAt.toISOString() }) },
    now,
  );
  await changeKeys(path, (keys) => ({ keys: [...keys, kept], answer: null }));
  const { sha256: _sha256, ...shown } = kept;
  if (options.json) return printJson({ key, ...shown });
  print(key);
  note(`key ${kept.id} for ${name} (${role}, tenant ${tenant}) is in ${path}; it is shown this once`);
}
