import { existsSync } from "node:fs";
import type { Command } from "commander";
import { importSafeAgent, type SafeAgentRow } from "../../../http/safeagent-import.ts";
import { NotSo, UsageError } from "../../exit.ts";
import { parseStoreUrl } from "../../open-store.ts";
import { count, print, printJson } from "../../output.ts";
import { type CommonOptions, command, conclude, withGuard } from "../../session.ts";

interface ImportOptions extends CommonOptions {
  readonly table: string;
  readonly tenant: string;
}

export function safeagentCommand(): Command {
  return command(
    "safeagent",
    "Take over SafeAgent's rows: what was COMMITTED replays its result, what was PENDING is in doubt. Changes nothing there, and may be run again.",
    {
      summary: "SafeAgent's table, in SQLite or PostgreSQL",
      examples: [
        "onceguard import safeagent sqlite:safeagent.db",
        "onceguard import safeagent postgres://user@host/safeagent --store postgres://user@host/onceguard",
      ],
      exits: [
        ["0", "taken over; ids that were here already are left as they are"],
        ["1", "it cannot be read, or the store cannot be used"],
        ["2", "bad usage"],
      ],
    },
  )
    .argument("<from>", "sqlite:path or postgres://...")
    .option("--table <name>", "where the rows are", "execution_requests")
    .option("--tenant <tenant>", "whose they become", "default")
    .action((from: string, options: ImportOptions) => conclude(options, () => take(from, options)));
}

async function take(from: string, options: ImportOptions): Promise<void> {
  const { table, tenant } = options;
  if (!/^[A-Za-z_]\w{0,62}$/.test(table)) throw new UsageError("--table takes the name of a table");
  const rows = await rowsOf(from, table);
  const { committed, inDoubt, known } = await withGuard(options, { create: true }, ({ guard }) =>
    importSafeAgent(guard, rows, { tenant }),
  );
  if (options.json) return printJson({ committed, in_doubt: inDoubt, known });
  print(`Taken over: ${count(committed, "request")} done, ${inDoubt} in doubt; ${known} known already.`);
  if (inDoubt > 0) print("What is in doubt waits for evidence or a person: onceguard review");
}

const COLUMNS = "request_id, action, status, result";

/** All of them at once: they are read before anything is written, so that both may be one database. */
async function rowsOf(from: string, table: string): Promise<readonly SafeAgentRow[]> {
  const target = parseStoreUrl(from, process.cwd());
  const text = `SELECT ${COLUMNS} FROM ${table} ORDER BY claimed_at, request_id`;
  try {
    if (target.kind === "sqlite") {
      if (!existsSync(target.path)) throw new NotSo(`there is no file ${target.path}`);
      const { DatabaseSync } = await import("node:sqlite");
      const database = new DatabaseSync(target.path, { readOnly: true });
      try {
        return database.prepare(text).all() as unknown as SafeAgentRow[];
      } finally {
        database.close();
      }
    }
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: (target as { url: string }).url });
    await client.connect();
    try {
      return (await client.query(text)).rows as SafeAgentRow[];
    } finally {
      await client.end();
    }
  } catch (cause) {
    if (cause instanceof NotSo) throw cause;
    throw new NotSo(`SafeAgent's rows cannot be read from table ${table}: ${(cause as Error).message}`);
  }
}
