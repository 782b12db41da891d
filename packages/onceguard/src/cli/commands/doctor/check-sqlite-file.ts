import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Check, ok, problem, warning } from "./check.ts";

const MIB = 1_048_576;

/** A larger file takes too long to be read whole. */
const QUICK_CHECK_LIMIT = 512 * MIB;

/** File systems that are shared between machines, by their number in statfs(2). */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  26985: "NFS",
  20859: "SMB",
  4283649346: "CIFS",
  4266872130: "SMB2",
  12805120: "Ceph",
};

/** What can be wrong with the file before a single row is read. */
export function checkSqliteFile(path: string): Check[] {
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) return []; // the store says so
  return [...checkFile(path, folder), ...checkDisk(folder)];
}

function checkFile(path: string, folder: string): Check[] {
  if (!existsSync(path)) {
    try {
      accessSync(folder, constants.W_OK);
      return [];
    } catch {
      return [
        problem("file", `${folder} is not writable`, "Give this user the right to write there, or name another store."),
      ];
    }
  }
  const mode = statSync(path).mode & 0o777;
  const octal = mode.toString(8).padStart(3, "0");
  const checks: Check[] = [];
  if (mode & 0o022) checks.push(warning("file", `mode ${octal}: others may change the receipts`, `chmod 600 ${path}*`));
  else if (mode & 0o044)
    checks.push(warning("file", `mode ${octal}: others may read payloads and results`, `chmod 600 ${path}*`));
  else checks.push(ok("file", `mode ${octal}, ${Math.ceil(statSync(path).size / 1_024)} KiB`));
  return [...checks, ...checkJournal(path)];
}

function checkJournal(path: string): Check[] {
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const { journal_mode: mode } = database.prepare("PRAGMA journal_mode").get() as { journal_mode: string };
      if (statSync(path).size > QUICK_CHECK_LIMIT) return [journalCheck(mode, "")];
      const broken = database.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
      if (broken.quick_check !== "ok") {
        return [problem("file", `it is damaged: ${broken.quick_check}`, "Restore it from a backup.")];
      }
      return [journalCheck(mode, ", and the file is sound")];
    } finally {
      database.close();
    }
  } catch {
    return []; // the store says so
  }
}

function journalCheck(mode: string, sound: string): Check {
  if (mode === "wal") return ok("journal", `WAL${sound}`);
  return warning(
    "journal",
    `journal mode ${mode}, not WAL`,
    "The next write sets it, unless the file system cannot do it.",
  );
}

function checkDisk(folder: string): Check[] {
  const { type, bavail, bsize } = statfsSync(folder);
  const network = NETWORK_FILE_SYSTEMS[type];
  const free = Math.floor((bavail * bsize) / MIB);
  const space = `${free} MiB free`;
  const checks: Check[] = [];
  if (network)
    checks.push(
      problem(
        "disk",
        `the file is on ${network}, where SQLite's WAL loses writes`,
        "Use a local disk, or postgres://.",
      ),
    );
  if (free < 10)
    checks.push(problem("disk", space, "Free some space: a claim that cannot be written is an effect not made."));
  else if (free < 200) checks.push(warning("disk", space, "Free some space before it runs out."));
  else checks.push(ok("disk", space));
  return checks;
}
