import { OnceguardError } from "../../core/errors.ts";

/** Another connection holds the lock. */
export const BUSY = 5;
const ERROR = 1;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const CANTOPEN = 14;
const TOOBIG = 18;
const CONSTRAINT = 19;
const MISMATCH = 20;
const RANGE = 25;
const NOTADB = 26;

const BY_NAME: Readonly<Record<string, number>> = {
  SQLITE_ERROR: ERROR,
  SQLITE_BUSY: BUSY,
  SQLITE_LOCKED: LOCKED,
  SQLITE_READONLY: READONLY,
  SQLITE_IOERR: IOERR,
  SQLITE_CORRUPT: CORRUPT,
  SQLITE_CANTOPEN: CANTOPEN,
  SQLITE_TOOBIG: TOOBIG,
  SQLITE_CONSTRAINT: CONSTRAINT,
  SQLITE_MISMATCH: MISMATCH,
  SQLITE_RANGE: RANGE,
  SQLITE_NOTADB: NOTADB,
};

/** The primary result code: `errcode` in node:sqlite, a name such as `SQLITE_BUSY_SNAPSHOT` in better-sqlite3. */
function resultCode(error: unknown): number | undefined {
  const { errcode, code } = (error ?? {}) as { errcode?: unknown; code?: unknown };
  if (typeof errcode === "number") return errcode & 0xff;
  if (typeof code !== "string") return undefined;
  return BY_NAME[code] ?? BY_NAME[code.split("_").slice(0, 2).join("_")];
}

/** Another connection is writing; asking again helps. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === BUSY || code === LOCKED;
}

/** What an error of SQLite means to the guard: a file that must not be used, or one that cannot be used right now. */
export function storeError(error: unknown, name: string): unknown {
  if (error instanceof OnceguardError) return error;
  const message = error instanceof Error ? error.message : String(error);
  switch (resultCode(error)) {
    case CORRUPT:
    case NOTADB:
      return unusable(
        name,
        `is damaged, or not an SQLite database (${message}). Restore it from a backup; nothing was executed.`,
        error,
      );
    case READONLY:
      return unusable(
        name,
        `cannot be written (${message}). Check the permissions of the file and its folder, and the disk.`,
        error,
      );
    case CANTOPEN:
      return unusable(name, `cannot be opened (${message}). The folder must exist and be writable.`, error);
    case undefined:
    case CONSTRAINT:
    case MISMATCH:
    case TOOBIG:
    case RANGE:
      // This statement cannot be run, the store can: the rows beside it must not fail with it.
      return error;
    default:
      // An I/O error at commit leaves open whether the commit reached the disk; everything else was rolled back.
      return new OnceguardError(
        "store_unavailable",
        `The store ${name} cannot be used right now: ${message}.`,
        { store: name, applied: resultCode(error) === IOERR ? "unknown" : "no" },
        { cause: error },
      );
  }
}

function unusable(name: string, problem: string, cause: unknown): OnceguardError {
  return new OnceguardError("store_unusable", `The store ${name} ${problem}`, { store: name }, { cause });
}
