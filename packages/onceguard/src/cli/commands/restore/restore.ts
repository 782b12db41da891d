import type { Command } from "commander";
import type { Epoch } from "../../../core/epoch.ts";
import { actorOf } from "../../actor.ts";
import { NotSo, UsageError } from "../../exit.ts";
import { nextCommand } from "../../next-step.ts";
import { spanOption, timeOption } from "../../option-parsers.ts";
import { count, paint, print, printFields, printJson, span, timeText, visible } from "../../output.ts";
import { type CommonOptions, command, conclude, type Session, withGuard } from "../../session.ts";
import { epochOnWire } from "../../wire.ts";

interface RestoreOptions extends CommonOptions {
  readonly backupTakenAt?: number;
  readonly lasts?: string;
  readonly reason?: string;
  readonly actor?: string;
  readonly status?: boolean;
  readonly end?: boolean;
}

const LIMIT = 1_000;

const DESCRIPTION = `Tell Onceguard that its store was put back to a backup.

Run it right after the backup was restored, before anything else uses the store. What was recorded since the backup is gone; what was sent since is not. So from then on

  what was open in the backup  is in doubt: a probe, a key or a person
                               says whether it happened
  what has no record           is in doubt, too, not a first call: it may
                               have been sent after the backup was taken
  what the backup has settled  is replayed, as ever

That lasts for --lasts, or until --end. Choose it longer than anything is retried: until then a retry of what was lost is a question, and afterwards it is a first call.`;

export function restoreCommand(): Command {
  return command("restore", DESCRIPTION, {
    summary: "after a backup was restored: what it does not know is a question",
    examples: [
      'onceguard restore --backup-taken-at 2026-11-21T03:00:00Z --lasts 48h --reason "disk failed"',
      "onceguard restore --status                                    # is one in force, since when, what is open",
      "onceguard reconcile                                           # settle what can be settled",
      'onceguard restore --end --reason "nothing retries for longer than a day"',
    ],
    exits: [
      ["0", "in force, ended, or shown"],
      ["1", "none is in force (--end), or the store cannot be used"],
      ["2", "bad usage: nothing was changed"],
    ],
  })
    .option("--backup-taken-at <time>", "when the backup was begun, with its zone; if in doubt, earlier", timeOption)
    .option(
      "--lasts <time>",
      "how long a request without a record is a question: 48h (default: until --end)",
      spanOption,
    )
    .option("--reason <text>", "why; kept in the store")
    .option("--actor <name>", "who restores (default: your user name)")
    .option("--status", "show whether one is in force")
    .option("--end", "requests without a record are first calls again; what is in doubt stays so")
    .action((options: RestoreOptions) => conclude(options, () => restore(options)));
}

async function restore(options: RestoreOptions): Promise<void> {
  const { backupTakenAt, status, end, reason, lasts } = options;
  const asked = [backupTakenAt !== undefined, status, end].filter(Boolean).length;
  if (asked !== 1) throw new UsageError("say exactly one of --backup-taken-at TIME, --status, --end");
  if (status && reason !== undefined) throw new UsageError("--status changes nothing, so it takes no --reason");
  if (lasts !== undefined && backupTakenAt === undefined) throw new UsageError("--lasts goes with --backup-taken-at");
  if (status) return withGuard(options, {}, (session) => showStatus(session, options));
  if (reason === undefined) throw new UsageError("say why, with --reason TEXT: it is kept in the store");
  const by = { actor: actorOf(options), reason };
  await withGuard(options, {}, (session) =>
    end ? endEpoch(session, by, options) : begin(session, by, backupTakenAt as number, options),
  );
}

async function begin(
  { guard, store }: Session,
  by: { readonly actor: string; readonly reason: string },
  backupAt: number,
  options: RestoreOptions,
): Promise<void> {
  const { lasts } = options;
  const { epoch, doubted } = await guard.restore({ ...by, backupAt, ...(lasts !== undefined && { lasts }) });
  if (options.json) return printJson({ epoch: epochOnWire(epoch), doubted });
  print(`${paint("green", "Restored")}: ${store.name} goes up to ${timeText(epoch.backupAt)} (epoch ${epoch.number}).`);
  print(
    doubted === 0
      ? "Nothing was open in the backup."
      : `${count(doubted, "request")} open in the backup: now in doubt.`,
  );
  print(`A request without a record is a question ${untilWords(epoch)}.`);
  print();
  print("Next:");
  print(`  ${nextCommand("reconcile", null, options)}          settle what can be settled`);
  print(`  ${nextCommand("restore --status", null, options)}   how much is still open`);
}

async function endEpoch(
  { guard, store }: Session,
  by: { readonly actor: string; readonly reason: string },
  options: RestoreOptions,
): Promise<void> {
  const ended = await guard.endRestore(by);
  if (!ended) throw new NotSo(`no restore is in force in ${store.name}`);
  const open = await stillOpen(guard);
  if (options.json) return printJson({ epoch: epochOnWire(ended), open });
  print(`${paint("green", "Ended")}: requests without a record are first calls again.`);
  if (open > 0) print(`${openWords(open)} from before; that does not change by itself.`);
}

async function showStatus({ guard, store }: Session, options: RestoreOptions): Promise<void> {
  const open = await stillOpen(guard);
  const [epoch, now] = [await store.epoch(), await store.now()];
  if (options.json) return printJson({ epoch: epochOnWire(epoch), open });
  if (epoch === null) {
    print("No restore is in force: a request without a record is a first call.");
    if (open > 0) print(`${openWords(open)} from the last one.`);
    return;
  }
  printFields([
    ["in force", `epoch ${epoch.number}: a request without a record is a question ${untilWords(epoch)}`],
    ["backup", `up to ${timeText(epoch.backupAt)}, ${span(now - epoch.backupAt)} ago`],
    ["restored", `${timeText(epoch.restoredAt)}, ${span(now - epoch.restoredAt)} ago, by ${visible(epoch.actor)}`],
    ["because", visible(epoch.reason)],
    ["open", open === 0 ? "nothing" : `${openWords(open)}: ${nextCommand("reconcile", null, options)}`],
  ]);
}

/** What the restore has made a question, and nothing has answered yet. */
async function stillOpen(guard: Session["guard"]): Promise<number> {
  const open = await guard.receipts({ states: ["in_doubt", "review"], limit: LIMIT });
  return open.filter(({ failure }) => failure?.code === "restored").length;
}

function openWords(open: number): string {
  const many = open >= LIMIT ? `${LIMIT} or more requests` : count(open, "request");
  return `${many} in doubt or in review`;
}

function untilWords({ until }: Epoch): string {
  return until === null ? "until `onceguard restore --end`" : `until ${timeText(until)}`;
}
