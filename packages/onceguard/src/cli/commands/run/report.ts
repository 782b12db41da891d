import type { Held, Outcome } from "../../../core/outcome.ts";
import type { Receipt } from "../../../core/receipt.ts";
import { type CommandResult, replayable } from "../../command-result.ts";
import { EXIT } from "../../exit.ts";
import type { LiveOutput } from "../../live-output.ts";
import { nextStep, resolveWords } from "../../next-step.ts";
import { note, printError, printJson, span } from "../../output.ts";
import type { CommonOptions } from "../../session.ts";
import { failureOnWire, haltOnWire, receiptSummary } from "../../wire.ts";
import { resumeWords } from "../halt/scope.ts";
import { exitCodeFor } from "./exit-code.ts";

export interface Report<Options = CommonOptions & { readonly requestId: string }> {
  readonly options: Options;
  readonly to: { readonly stdout: LiveOutput | undefined; readonly stderr: LiveOutput };
  /** The fencing token of the attempt that ended here, and so has shown its output. */
  shown: number | null;
  /** Why the probe could not tell, when it was last asked. */
  untold: string | null;
}

/** Says what became of it, in the exit code and, where that is not the command's own, in one line with the next step. */
export async function report(outcome: Outcome<CommandResult>, asked: Report): Promise<number> {
  const { options, to } = asked;
  const exitCode = exitCodeFor(outcome);
  const succeeded = outcome.status === "executed" || outcome.status === "replayed";
  if (succeeded && !isShown(outcome.receipt, asked)) await writeReplay(outcome.result, asked);
  await Promise.all([to.stdout?.flush(), to.stderr.flush()]);
  const line = lineFor(outcome, asked);
  if (line !== null) note(line);
  if (options.json) printJson(onWire(outcome, exitCode, options));
  return exitCode;
}

/** The result is that of the command which ran here: not an earlier one's, a probe's or a person's. */
function isShown(receipt: Receipt | null, { shown }: Report): boolean {
  return receipt?.fencingToken === shown && (receipt?.evidence === "effect" || receipt?.evidence === "late");
}

async function writeReplay(result: CommandResult, { to, options }: Report): Promise<void> {
  const { stdout, stderr } = replayable(result);
  await Promise.all([to.stdout?.write(stdout), to.stderr.write(stderr)]);
  if (process.stderr.isTTY) note(`replayed ${options.requestId}; nothing was executed`);
  for (const [stream, total] of Object.entries(result?.truncated ?? {})) {
    note(`${stream} was cut when it was recorded; the command wrote ${total} bytes`);
  }
}

/** Null when the answer is the command's own. */
function lineFor(outcome: Outcome<CommandResult>, { options, untold }: Report): string | null {
  const { requestId: id } = options;
  const next = outcome.receipt ? nextStep(outcome.receipt, options) : null;
  const then = next === null ? "" : `. Next: ${next}`;
  switch (outcome.status) {
    case "executed":
    case "replayed":
      return outcome.omitted === undefined ? null : `${id} happened; its output is not kept (${outcome.omitted})`;
    case "in_doubt":
      return `in doubt: ${id} may have happened (${clause(untold ?? outcome.failure?.message ?? outcome.next)})${then}`;
    case "review":
      return `in review: ${id} waits for a person (${clause(outcome.failure?.message ?? outcome.reason)})${then}`;
    case "in_progress":
      return `in progress: another run of ${id} is at it. Next: the same command again, or a longer --wait`;
    case "retry_later":
      return `retry later: ${id} has not happened${soon(outcome.retryAfterMs)}. Next: the same command again`;
    case "held":
      return `held: ${id} waits for ${heldFor(outcome)}; nothing was executed${then}`;
    case "failed":
      return `failed: ${id} did not happen (${clause(outcome.failure.message)}). To have it tried again: ${retryCommand(options)}`;
    case "mismatch":
      return `mismatch: ${id} was used for another command; nothing was executed. Next: a new --request-id for a new intent`;
    case "halted":
      return `halted: ${outcome.reason}; nothing was executed. Next: ${resumeWords(outcome.halt, options)}`;
    case "denied":
    case "skipped":
      return `${outcome.status}: ${outcome.reason}; nothing was executed`;
    case "expired":
      return `expired: ${id} is settled, and its output is no longer kept; it never runs again`;
    case "unavailable":
      return `unavailable: ${outcome.reason} Nothing was executed`;
  }
}

/** With the policy's reasons, for whoever has to ask a person. */
function heldFor({ waitsFor, caseId, reasons }: Held): string {
  if (waitsFor === "case") return `its finality case ${caseId}`;
  return reasons.length === 0 ? "approval" : `approval (${reasons.map(clause).join("; ")})`;
}

/** A message of its own as part of a line. */
function clause(message: string): string {
  return message.replace(/\.$/, "");
}

function soon(ms: number): string {
  return ms > 1_000 ? `; due in ${span(ms)}` : "";
}

function retryCommand(options: Report["options"]): string {
  return resolveWords(options.requestId, options).replace("--happened|--did-not-happen|--retry", "--retry");
}

function onWire(outcome: Outcome<CommandResult>, exitCode: number, { requestId }: Report["options"]): unknown {
  return {
    status: outcome.status,
    request_id: requestId,
    exit_code: exitCode,
    result: "result" in outcome ? (outcome.result ?? null) : null,
    failure: "failure" in outcome ? failureOnWire(outcome.failure) : null,
    reason: "reason" in outcome ? outcome.reason : null,
    next: "next" in outcome ? outcome.next : null,
    waits_for: "waitsFor" in outcome ? outcome.waitsFor : null,
    reasons: "reasons" in outcome ? outcome.reasons : null,
    halt: "halt" in outcome ? haltOnWire(outcome.halt) : null,
    retry_after_ms: "retryAfterMs" in outcome ? outcome.retryAfterMs : null,
    receipt: outcome.receipt && receiptSummary(outcome.receipt),
  };
}

/** The command was started and what became of it could not be written down: the record will show it as in doubt. */
export function reportUnrecorded(error: unknown, options: Report["options"]): number {
  printError(error);
  note(`in doubt: ${options.requestId} may have happened, and its receipt could not be written. Do not run it by hand`);
  if (options.json) {
    const message = error instanceof Error ? error.message : String(error);
    printJson({
      status: "in_doubt",
      request_id: options.requestId,
      exit_code: EXIT.unsettled,
      result: null,
      reason: message,
    });
  }
  return EXIT.unsettled;
}
