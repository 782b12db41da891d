import { Command } from "commander";
import { UsageError } from "../../exit.ts";

/** A package of its own, because it brings native code, which the guard never does. */
const PACKAGE = "@onceguard/audit";

/** Stands in the list of commands; `main` hands its arguments to `runAuditCommand` as they are. */
export function auditCommand(): Command {
  return new Command("audit")
    .argument("[path]")
    .summary("find every place where a code base can do it twice")
    .description(`Find every place where a code base can make the same side effect twice (needs ${PACKAGE}).`);
}

/** Runs the audit if it is installed, and says how to install it otherwise. Returns the exit code. */
export async function runAuditCommand(args: readonly string[]): Promise<number> {
  const { main } = await load();
  return main(args);
}

interface AuditCli {
  main(args: readonly string[]): number;
}

async function load(): Promise<AuditCli> {
  const entry: string = `${PACKAGE}/cli`;
  try {
    return (await import(entry)) as AuditCli;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ERR_MODULE_NOT_FOUND" || !message.includes(PACKAGE)) throw error;
    throw new UsageError(`the audit is a package of its own: npm install --save-dev ${PACKAGE}`);
  }
}
