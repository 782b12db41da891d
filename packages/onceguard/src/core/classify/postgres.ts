import { type Classifier, classifier, type Failure, type FailureTier } from "./classifier.ts";
import { type AnyObject, isObject, messageOf } from "./read.ts";
import { MAX_DEPTH, wrapped } from "./wrapped.ts";

/** SQLSTATEs, and classes of them (two characters), by which PostgreSQL says that the statement was rolled back. */
const ROLLED_BACK: ReadonlyMap<string, FailureTier | null> = new Map([
  ["0A", "validation"], // feature not supported
  ["21", "validation"], // more rows than one
  ["22", "validation"], // a value that does not fit
  ["23", "conflict"], // unique, foreign key, exclusion
  ["23502", "validation"], // not null
  ["23514", "validation"], // check
  ["25006", "transient"], // read-only transaction: a standby, during a failover
  ["28", "security"], // not let in
  ["3D", "validation"], // no such database
  ["3F", "validation"], // no such schema
  ["40000", "transient"],
  ["40001", "transient"], // could not serialize
  ["40002", "conflict"], // a constraint, checked at the end
  ["40P01", "transient"], // deadlock
  ["42", "validation"], // syntax, no such table
  ["42501", "security"], // no privilege
  ["44", "validation"], // view with check option
  ["53", "transient"], // out of connections, memory, disk
  ["54", "validation"], // over a limit of the program
  ["55000", "conflict"], // object not in the state for it
  ["55006", "transient"], // object in use
  ["55P03", "transient"], // lock not available
  ["57014", "transient"], // cancelled
  ["57P03", "transient"], // not up yet
  ["P0001", "conflict"], // RAISE EXCEPTION in the database's own code
]);

/** With these the server ends a connection that has not done anything yet. Any other FATAL may come after a COMMIT. */
const NOT_LET_IN = /^(?:28...|3D000|53300|57P03)$/;

/**
 * Errors that a PostgreSQL server sent, by SQLSTATE: from `pg`, from postgres.js, and from Drizzle around them. A
 * statement that is rejected is rolled back, with its transaction; that includes a rejected COMMIT. Everything about the
 * connection (class 08, 57P01), 40003 and every state not listed may come after a COMMIT that was carried out.
 *
 * Not for a `CALL` that commits on its way, and not for errors of PgBouncer, which lack the shape.
 */
export const postgresErrors: Classifier = classifier((error) => {
  const answer = serverError(error);
  if (!answer) return undefined;
  const { code, severity } = answer;
  const tier = ROLLED_BACK.get(code) ?? ROLLED_BACK.get(code.slice(0, 2));
  const ended = severity === "FATAL" || severity === "PANIC";
  const rolledBack = tier !== undefined && (!ended || NOT_LET_IN.test(code));
  const failure: Failure = {
    certainty: rolledBack ? "definite" : "indefinite",
    tier: tier === undefined ? "transient" : tier,
    code: `sqlstate_${code}`,
    message: messageOf(error),
  };
  return failure;
});

type ServerError = AnyObject & { readonly code: string; readonly severity: string };

/** A five-character code alone is anybody's. The server's errors also say how severe they are, and where in it they arose. */
function serverError(error: unknown): ServerError | undefined {
  let here = error;
  for (let depth = 0; depth < MAX_DEPTH && isObject(here); depth++) {
    const { code, severity, routine } = here;
    if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && typeof severity === "string" && severity !== "") {
      return typeof routine === "string" && routine !== "" ? (here as ServerError) : undefined;
    }
    here = wrapped(here);
  }
  return undefined;
}
