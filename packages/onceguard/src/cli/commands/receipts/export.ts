import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { readSealedLog } from "../../../seal/sealed-log.ts";
import { NotSo } from "../../exit.ts";
import { print } from "../../output.ts";
import { anchoredIn, several, signingKeys } from "../../seal-files.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";

interface Options extends CommonOptions {
  readonly keys: string;
  readonly sealed: string;
  readonly anchored?: readonly string[];
  readonly tenant?: string;
  readonly out?: string;
}

export function exportCommand(): Command {
  return command("export", "Export one receipt, signed, with the proof that it is in the sealed log: for outsiders.", {
    summary: "a signed bundle that an outsider can verify offline",
    examples: [
      "onceguard receipts export deploy:42 --keys keys.json --sealed sealed --anchored anchors --out bundle.json",
    ],
    exits: [
      ["0", "exported"],
      ["1", "there is no such receipt, or it is not sealed yet"],
      ["2", "bad usage"],
    ],
  })
    .argument("<id>", "the request id")
    .requiredOption("--keys <file>", "the signing keys")
    .requiredOption("--sealed <folder>", "the sealed log")
    .option("--anchored <file>", "checkpoints that were anchored outside; may be repeated", several)
    .option("--tenant <tenant>", "whose request id it is")
    .option("--out <file>", "default: stdout")
    .action((id: string, options: Options) => conclude(options, () => exportReceipt(id, options)));
}

async function exportReceipt(id: string, options: Options): Promise<void> {
  const keys = signingKeys(options.keys);
  const at = options.tenant === undefined ? {} : { tenant: options.tenant };
  const receipt = await withGuard(options, {}, async ({ guard, store }) => {
    const found = await guard.receipt(id, at);
    if (!found) throw new NotSo(`there is no receipt for request id "${id}" in ${store.name}`);
    return found;
  });
  const { makeBundle } = await import("../../../seal/bundle.ts"); // jose takes longer to load than all the rest
  const bundle = await makeBundle(receipt, readSealedLog(options.sealed), anchoredIn(options.anchored ?? []), keys);
  const text = JSON.stringify(bundle, null, 2);
  if (options.out === undefined) print(text);
  else writeFileSync(options.out, `${text}\n`);
}
