import { constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { quoted } from "../../next-step.ts";
import { type Check, ok, problem, warning } from "./check.ts";
import { isFolder, may, mayWrite, mendWriting, octal, statOf } from "./check-folder.ts";

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

const NO_CLAIM = "A claim that cannot be written is an effect that is not made.";

/** What can be wrong with the file before a single row is read. */
export function checkSqliteFile(path: string): Check[] {
  const folder = dirname(resolve(path));
  if (!isFolder(folder)) {
    const [found, mend] = existsSync(folder)
      ? [`${folder} is a file, and must be a folder`, "Name another place with --store."]
      : [`there is no folder ${folder}`, `mkdir -p ${quoted(folder)}`];
    return [problem("file", found, "The store has no place to be in.", mend)];
  }
  return [...checkFolder(path, folder), ...checkFile(path), ...checkDisk(folder)];
}

function checkFolder(path: string, folder: string): Check[] {
  if (!mayWrite(folder)) {
    const why = existsSync(path)
      ? "SQLite writes a journal beside the file (-wal, -shm): without it, nothing can be claimed."
      : "The store cannot be made there.";
    return [problem("folder", `${folder} is not writable`, why, mendWriting(folder))];
  }
  const mode = statSync(folder).mode;
  if (mode & 0o002 && !(mode & 0o1000)) {
    const why =
      "Anybody on this machine may put another file in the place of the store, and what was done is done again.";
    return [warning("folder", `${folder} has mode ${octal(statSync(folder))}`, why, `chmod o-w ${quoted(folder)}`)];
  }
  return [];
}

function checkFile(path: string): Check[] {
  const stats = statOf(path);
  if (stats === null) return [ok("store", `sqlite:${path} is not there yet; the first use makes it`)];
  if (stats.isDirectory()) {
    return [
      problem(
        "file",
        `${path} is a folder, and must be a file`,
        "The store has no place to be in.",
        "Name a file with --store.",
      ),
    ];
  }
  const barred = [path, `${path}-wal`, `${path}-shm`].find(
    (one) => existsSync(one) && !may(one, constants.R_OK | constants.W_OK),
  );
  if (barred !== undefined) {
    const found = `${barred} (mode ${octal(statSync(barred))}, of uid ${statSync(barred).uid}) cannot be read and written`;
    return [problem("file", found, NO_CLAIM, mendWriting(barred))];
  }
  const mode = octal(stats);
  const checks: Check[] = [];
  const mend = `chmod 600 ${quoted(path)}*`;
  if (stats.mode & 0o022) {
    const why = "A receipt that somebody else changes lets an effect happen twice, or never.";
    checks.push(warning("file", `mode ${mode}: others may change the receipts`, why, mend));
  } else if (stats.mode & 0o044) {
    const why = "They may hold personal data and secrets.";
    checks.push(warning("file", `mode ${mode}: others may read payloads and results`, why, mend));
  } else checks.push(ok("file", `mode ${mode}, ${Math.ceil(stats.size / 1_024)} KiB`));
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
        const why = "What it says about the past cannot be trusted.";
        const mend = "Put back a backup, then tell Onceguard so: onceguard restore --help";
        return [problem("file", `it is damaged: ${broken.quick_check}`, why, mend)];
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
  const why = "Readers and writers wait for each other.";
  return warning(
    "journal",
    `journal mode ${mode}, not WAL`,
    why,
    "The next write sets it, unless the file system cannot.",
  );
}

function checkDisk(folder: string): Check[] {
  const { type, bavail, bsize } = statfsSync(folder);
  const network = NETWORK_FILE_SYSTEMS[type];
  const free = Math.floor((bavail * bsize) / MIB);
  const space = `${free} MiB free`;
  const mend = `Free some space: df -h ${quoted(folder)}; onceguard retention --help`;
  const checks: Check[] = [];
  if (network) {
    const why = "SQLite's WAL loses writes there, and with them the memory of what was done.";
    checks.push(problem("disk", `the file is on ${network}`, why, "Use a local disk, or postgres://."));
  }
  if (free < 10) checks.push(problem("disk", space, NO_CLAIM, mend));
  else if (free < 200) checks.push(warning("disk", space, `${NO_CLAIM} It may run out soon.`, mend));
  else checks.push(ok("disk", space));
  return checks;
}
