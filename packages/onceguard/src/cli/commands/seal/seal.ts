import { once } from "node:events";
import type { Command } from "commander";
import { durationMs } from "../../../core/duration.ts";
import { openSealer, type Sealer } from "../../../seal/sealer.ts";
import { durationOption } from "../../option-parsers.ts";
import { count, note, print, printJson } from "../../output.ts";
import { anchorAt, several, signingKeys } from "../../seal-files.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";

interface Options extends CommonOptions {
  readonly keys: string;
  readonly into: string;
  readonly origin: string;
  readonly anchor?: readonly string[];
  readonly watch?: boolean;
  readonly every: string | number;
}

export function sealCommand(): Command {
  return command(
    "seal",
    "Seal the action log into a Merkle tree with signed checkpoints, so that nobody can change it unseen: not even who administers the database, as far as a checkpoint is anchored outside. It only reads the store. One sealer at a time.",
    {
      summary: "seal the log into a Merkle tree, and sign checkpoints",
      examples: [
        "onceguard signing-keys keys.json --public public.json",
        "onceguard seal --keys keys.json --into sealed --origin example.com/payments --watch --anchor git:/srv/checkpoints",
      ],
      exits: [
        ["0", "sealed, even if there was nothing new"],
        ["1", "another sealer is at work, or the store cannot be used"],
        ["2", "bad usage"],
      ],
    },
  )
    .requiredOption("--keys <file>", "the signing keys")
    .requiredOption("--into <folder>", "where the sealed log is; on other disks than the store, if you can")
    .requiredOption("--origin <name>", "the name of this log, which no other has: example.com/payments")
    .option(
      "--anchor <place>",
      "where checkpoints go: file:PATH, git:FOLDER, https://witness; may be repeated",
      several,
    )
    .option("--watch", "go on until stopped")
    .option("--every <time>", "with --watch: how often", durationOption, "1s")
    .action((options: Options) => conclude(options, () => seal(options)));
}

async function seal(options: Options): Promise<void> {
  const { keys, into: folder, origin, anchor = [] } = options;
  const [signing, anchors] = [signingKeys(keys), anchor.map(anchorAt)];
  const onAnchorError = (name: string, error: unknown): void => note(`anchor ${name}: ${(error as Error).message}`);
  await withGuard(options, {}, async ({ store }) => {
    const sealer = await openSealer({ store, folder, origin, keys: signing, anchors, onAnchorError });
    try {
      await (options.watch ? watch(sealer, durationMs(options.every, "--every")) : pass(sealer, options));
    } finally {
      sealer.close();
    }
  });
}

async function pass(sealer: Sealer, { json }: Options): Promise<void> {
  const { sealed, size, checkpoint } = await sealer.seal();
  if (json) printJson({ sealed, size, checkpoint });
  else print(`${count(sealed, "entry", "entries")} sealed; ${size} in all.`);
}

async function watch(sealer: Sealer, everyMs: number): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  while (!stop.signal.aborted) {
    try {
      await sealer.seal();
    } catch (error) {
      note((error as Error).message); // a store that is away is asked again
    }
    await Promise.race([once(stop.signal, "abort"), new Promise((again) => setTimeout(again, everyMs))]);
  }
}
