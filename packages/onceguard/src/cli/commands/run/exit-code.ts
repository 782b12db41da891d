import type { Failure } from "../../../core/failure.ts";
import type { Outcome } from "../../../core/outcome.ts";
import { type CommandResult, replayable } from "../../command-result.ts";
import { EXIT } from "../../exit.ts";

/** The command's own exit code when it ran or is replayed; otherwise one that says why it is not. */
export function exitCodeFor(outcome: Outcome<CommandResult>): number {
  switch (outcome.status) {
    case "executed":
    case "replayed":
      return replayable(outcome.result).exitCode;
    case "skipped":
      return EXIT.ok;
    case "failed":
      return startFailureCode(outcome.failure);
    case "in_doubt":
    case "review":
    case "in_progress":
    case "retry_later":
    case "held":
      return EXIT.unsettled;
    case "denied":
    case "halted":
      return EXIT.refused;
    case "mismatch":
      return EXIT.mismatch;
    case "expired":
      return EXIT.not;
    case "unavailable":
      return EXIT.unavailable;
  }
}

/** As a shell has it: 127 for a program that is not there, 126 for one that cannot be executed. */
function startFailureCode({ code, certainty }: Failure): number {
  if (code === "ENOENT") return EXIT.notFound;
  return certainty === "definite" && (/^E[A-Z0-9]+$/.test(code) || code === "spawn_failed")
    ? EXIT.cannotStart
    : EXIT.not;
}
