import { existsSync, renameSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { keyText, newKey, rotated } from "../../../seal/keys.ts";
import { UsageError } from "../../exit.ts";
import { print, printJson } from "../../output.ts";
import { signingKeys } from "../../seal-files.ts";
import { conclude, helpAfter, jsonOption } from "../../session.ts";

interface Options {
  readonly rotate?: boolean;
  readonly public?: string;
  readonly json?: boolean;
}

export function signingKeysCommand(): Command {
  return new Command("signing-keys")
    .summary("make, rotate and publish the keys that receipts are signed with")
    .description(
      "Make the keys that checkpoints and receipts are signed with (Ed25519). --rotate ends the key in use and begins another: what was signed before stays believed, and nothing later that carries the old one. --public writes what verifiers need, and no secret.",
    )
    .argument("<file>", "where the keys are; only its owner can read it")
    .option("--rotate", "end the key in use and begin another one")
    .option("--public <file>", "write the public keys")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      helpAfter({
        examples: [
          "onceguard signing-keys keys.json --public public.json",
          "onceguard signing-keys keys.json --rotate",
        ],
        exits: [
          ["0", "done"],
          ["2", "bad usage, or the file cannot be read"],
        ],
      }),
    )
    .action((file: string, options: Options) => conclude(options, async () => keys(file, options)));
}

function keys(file: string, options: Options): void {
  const now = Date.now();
  const isThere = existsSync(file);
  if (options.rotate && !isThere) throw new UsageError(`there are no keys at ${file} to rotate`);
  const known = isThere ? signingKeys(file) : [];
  const all = !isThere ? [newKey(now)] : options.rotate ? rotated(known, now) : known;
  if (all !== known) {
    writeFileSync(`${file}.new`, keyText(all, true), { mode: 0o600, flag: "wx" });
    renameSync(`${file}.new`, file);
  }
  if (options.public !== undefined) writeFileSync(options.public, keyText(all, false));
  if (options.json) {
    printJson({ keys: JSON.parse(keyText(all, false)).keys });
    return;
  }
  for (const { kid, notAfter } of all)
    print(`${kid}${notAfter === null ? "  in use" : `  until ${new Date(notAfter).toISOString()}`}`);
}
