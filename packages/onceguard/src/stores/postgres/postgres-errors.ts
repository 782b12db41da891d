import { OnceguardError } from "../../core/errors.ts";

/** PostgreSQL gave up this statement for another one: certainly not applied, and worth asking again at once. */
const SERIALIZATION: ReadonlySet<string> = new Set(["40001", "40P01"]);

/** A pooler in transaction mode has given us a server connection that does not know our prepared statement, or knows it already. */
const LOST_STATEMENT: ReadonlySet<string> = new Set(["26000", "42P05"]);

/** The address, the account or the rights are wrong: asking again does not help. */
const UNUSABLE: Readonly<Record<string, string>> = {
  "28P01": "refuses the password. Check user and password in the store URL.",
  "28000": "refuses this user. Check the user in the store URL and pg_hba.conf.",
  "3D000": "has no such database. Create it, or name another one in the store URL.",
  "42501":
    "does not give this user the rights it needs: to read and write the tables, and to make them or bring them up to date, unless their owner has (onceguard migrate).",
};

/** What row-level security says is not the user's to write. */
const NOT_ITS_TENANT =
  "does not give this user the rows of this tenant. Its owner decides who has which tenant: onceguard isolate.";

/** Failures while connecting, and refusals before anything ran. */
const NOT_APPLIED_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT", // a Unix socket that is not there
  "53300", // too many connections
  "53400", // configuration limit exceeded
  "57P03", // cannot connect now: starting up, or in recovery
  "25006", // a standby, or read only during a failover
  "53100", // disk full
  "53200", // out of memory
  "55P03", // lock not available
  "57014", // cancelled by statement_timeout
]);

export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

export function isSerializationFailure(error: unknown): boolean {
  return SERIALIZATION.has(sqlState(error) ?? "");
}

export function isLostStatement(error: unknown): boolean {
  const state = sqlState(error) ?? "";
  // PgBouncer says 08P01 for many things, also for a server connection that broke in the middle of a statement.
  return LOST_STATEMENT.has(state) || (state === "08P01" && /prepared statement/i.test(messageOf(error)));
}

/**
 * What an error of a statement means to the guard. An error that PostgreSQL itself reported for the statement (any
 * other SQLSTATE) comes back as it is: the statement had no effect, and the caller may try its rows one by one.
 */
export function storeError(error: unknown, name: string): unknown {
  if (error instanceof OnceguardError) return error;
  const code = sqlState(error);
  const message = messageOf(error);
  const hint = code === undefined ? undefined : isNotItsTenant(error) ? NOT_ITS_TENANT : UNUSABLE[code];
  if (hint !== undefined) {
    return new OnceguardError(
      "store_unusable",
      `The store ${name} ${hint} (${message})`,
      { store: name, code },
      { cause: error },
    );
  }
  // Tried again often enough: the row is too busy for now, and the statement certainly had no effect.
  if (isSerializationFailure(error)) return unavailable(name, message, "no", error);
  const answered = isSqlState(code) && !/^(08|57P|XX|40003)/.test(code);
  const notApplied =
    NOT_APPLIED_CODES.has(code ?? "") ||
    isUnreachable(error) ||
    /timeout exceeded when trying to connect/.test(message);
  if (answered && !notApplied) return error;
  return unavailable(name, message, notApplied ? "no" : "unknown", error);
}

/**
 * The same in a transaction of the caller's. What PostgreSQL says of its own accord ends that, and the caller's code, which
 * repeats the whole of it, looks for the SQLSTATE.
 */
export function joinedError(error: unknown, name: string): unknown {
  const meaning = storeError(error, name);
  const isAnswer = isSqlState(sqlState(error)) && !/^(08|57P)/.test(sqlState(error) ?? "");
  return isAnswer && (meaning as { code?: unknown }).code === "store_unavailable" ? error : meaning;
}

/** By where PostgreSQL found it; its words are in the server's language. */
function isNotItsTenant(error: unknown): boolean {
  return sqlState(error) === "42501" && (error as { routine?: unknown }).routine === "ExecWithCheckOptions";
}

/** Five characters with a digit among the last three: `EPIPE` is a broken pipe, and no answer of PostgreSQL's. */
function isSqlState(code: string | undefined): code is string {
  return code !== undefined && /^[0-9A-Z]{2}(?=.*[0-9])[0-9A-Z]{3}$/.test(code);
}

/** While connecting; an established connection can lose its way, too, and then what it carried may have arrived. */
function isUnreachable(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  return (code === "EHOSTUNREACH" || code === "ENETUNREACH") && syscall === "connect";
}

export function unavailable(name: string, problem: string, applied: "no" | "unknown", cause?: unknown): OnceguardError {
  return new OnceguardError(
    "store_unavailable",
    `The store ${name} cannot be reached: ${problem}`,
    { store: name, applied },
    cause === undefined ? {} : { cause },
  );
}

/** Node joins the attempts on several addresses in one error without a message of its own. */
function messageOf(error: unknown): string {
  const { message, errors } = (error ?? {}) as { message?: string; errors?: { message?: string }[] };
  return message || errors?.[0]?.message || String(error);
}
