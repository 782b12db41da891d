import type { Command } from "commander";
import type { LogEntry, Store } from "../../../core/ports.ts";
import { readSealedLog } from "../../../seal/sealed-log.ts";
import { type LogVerdict, verifyLog } from "../../../seal/verify-log.ts";
import { EXIT, UsageError } from "../../exit.ts";
import { count, paint, print, printFields, printJson, progress, visible } from "../../output.ts";
import { anchoredIn, readText, several, verifyingKeys } from "../../seal-files.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";

interface Options extends CommonOptions {
  readonly keys: string;
  readonly sealed?: string;
  readonly origin?: string;
  readonly anchored?: readonly string[];
  readonly offline?: boolean;
}

const MOST_PROBLEMS = 20;
const PAGE = 1_000;

export function verifyCommand(): Command {
  return command(
    "verify",
    "Verify a receipt that was exported (offline: with the public keys and nothing else), or with --sealed the whole log: its checkpoints, what is anchored outside, and every row of the store.",
    {
      summary: "verify an exported receipt, or the whole log",
      examples: [
        "onceguard verify bundle.json --keys public.json",
        "onceguard verify --sealed sealed --origin example.com/payments --keys public.json --anchored anchors",
      ],
      exits: [
        ["0", "valid"],
        ["1", "something was changed, removed, or signed by somebody else"],
        ["2", "no bundle, no keys, bad usage: nothing was verified"],
      ],
    },
  )
    .argument("[bundle]", "a file that `onceguard receipts export` has written")
    .requiredOption("--keys <file>", "the public keys, from somebody you trust")
    .option("--sealed <folder>", "the sealed log")
    .option("--origin <name>", "with --sealed: the name of the log")
    .option("--anchored <file>", "with --sealed: checkpoints that were anchored outside; may be repeated", several)
    .option("--offline", "with --sealed: leave the store out")
    .action((bundle: string | undefined, options: Options) =>
      conclude(options, () => (bundle === undefined ? verifyAll(options) : verifyOne(bundle, options))),
    );
}

async function verifyOne(path: string, options: Options): Promise<number> {
  if (options.sealed !== undefined) throw new UsageError("verify takes a bundle or --sealed, not both");
  const keys = verifyingKeys(options.keys);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readText(path, "bundle"));
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(`${path} is no bundle: ${(error as Error).message}`);
  }
  const { verifyBundle } = await import("../../../seal/bundle.ts"); // jose takes longer to load than all the rest
  const verdict = await verifyBundle(parsed, keys);
  if (verdict === null) throw new UsageError(`${path} is no bundle`);
  const { problems, claims, isAnchored } = verdict;
  const isValid = problems.length === 0;
  if (options.json) printJson({ valid: isValid, problems, anchored: isAnchored, claims });
  else if (isValid) printClaims(claims ?? {}, isAnchored);
  else for (const problem of problems) print(`${paint("red", "✘")} ${visible(problem)}`);
  return isValid ? EXIT.ok : EXIT.not;
}

function printClaims(claims: Readonly<Record<string, unknown>>, isAnchored: boolean): void {
  const text = (name: string): string | null => (claims[name] === null ? null : visible(String(claims[name])));
  print(`${paint("green", "✔")} valid, ${isAnchored ? "and anchored outside" : "not anchored outside yet"}`);
  printFields([
    ["request", text("request_id")],
    ["action", text("action")],
    ["record", text("record_id")],
    ["state", text("state")],
    ["known by", text("evidence")],
    ["approved by", text("approved_by")],
    ["at", new Date(Number(claims.updated_at)).toISOString()],
    ["log", text("iss")],
  ]);
}

async function verifyAll(options: Options): Promise<number> {
  const { sealed, origin, anchored = [] } = options;
  if (sealed === undefined) throw new UsageError("name a bundle, or --sealed with the folder of the sealed log");
  if (origin === undefined) throw new UsageError("--origin is missing: which log should it be?");
  const log = readSealedLog(sealed);
  if (log.checkpoints.length === 0) throw new UsageError(`there is no sealed log in ${sealed}`);
  const given = { log, origin, keys: verifyingKeys(options.keys), anchors: anchoredIn(anchored) };
  const verdict = options.offline
    ? await verifyLog(given)
    : await withGuard(options, {}, async ({ store }) => {
        const { secret } = await store.open();
        try {
          return await verifyLog({ ...given, rows: { entries: entriesOf(store), secret } });
        } finally {
          progress(null);
        }
      });
  const isValid = verdict.problems.length === 0;
  if (options.json) printJson({ valid: isValid, ...verdict });
  else printVerdict(verdict);
  return isValid ? EXIT.ok : EXIT.not;
}

async function* entriesOf(store: Store): AsyncGenerator<LogEntry> {
  let read = 0;
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const page = await store.searchLog({ order: "oldest", after, limit: PAGE });
    yield* page;
    read += page.length;
    progress(`${read} entries read, going on`);
    if (page.length < PAGE) return;
    after = page.at(-1)?.seq ?? after;
  }
}

function printVerdict({ problems, leaves, checkpointed, anchored, forgotten, unsealed }: LogVerdict): void {
  for (const { code, where } of problems.slice(0, MOST_PROBLEMS))
    print(`${paint("red", "✘")} ${code}: ${visible(where)}`);
  if (problems.length > MOST_PROBLEMS) print(paint("dim", `... and ${problems.length - MOST_PROBLEMS} more (--json)`));
  if (problems.length === 0) print(`${paint("green", "✔")} nothing was changed`);
  printFields([
    ["entries", String(leaves)],
    ["anchored", count(anchored, "entry", "entries")],
    ["signed only", count(Math.max(0, checkpointed - anchored), "entry", "entries")],
    ["forgotten", forgotten === 0 ? null : `${forgotten} by retention; their digests stand`],
    ["not sealed yet", unsealed === 0 ? null : String(unsealed)],
  ]);
}
