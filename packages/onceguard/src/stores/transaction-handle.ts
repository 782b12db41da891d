import { OnceguardError } from "../core/errors.ts";

/** Runs statements inside the transaction that a caller has open. */
export interface SqlRunner {
  /** The library it speaks through, for messages. */
  readonly library: string;
  /**
   * The statement's rows, under the names the statement gives its columns (snake_case). It runs as soon as it is
   * called: before the first `await`, where the library itself is synchronous.
   */
  query(text: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
}

/** What `postgresRunner` knows, for messages. */
export const POSTGRES_HANDLES: readonly string[] = [
  "a client of pg",
  "a Kysely transaction",
  "a Drizzle transaction",
  "the client of an interactive Prisma transaction",
  "the sql of a postgres.js transaction",
];

/** What `sqliteRunner` knows, for messages. */
export const SQLITE_HANDLES: readonly string[] = [
  "a DatabaseSync of node:sqlite",
  "a Database of better-sqlite3",
  "a Kysely transaction",
  "a Drizzle transaction on better-sqlite3",
];

type Row = Record<string, unknown>;
type Members = Readonly<Record<PropertyKey, unknown>>;
type Query = SqlRunner["query"];
type Method<Answer> = (...args: unknown[]) => Answer;

/**
 * Statements for PostgreSQL, with `$1`, `$2`, each cast in the text (`$1::bigint`), since not every library asks the
 * server for the types. Null if the handle has no shape that is known (`POSTGRES_HANDLES`).
 *
 * That it looks like a transaction is all that can be seen here. That it is one still open: `requireOpenTransaction`.
 *
 * @throws OnceguardError `invalid_option`, for a pool or a database where the transaction should be.
 */
export function postgresRunner(handle: unknown): SqlRunner | null {
  const found = isMembers(handle)
    ? (drizzleOnPostgres(handle) ??
      kysely(handle, "PostgreSQL", /^\W*select \$1\W/i) ??
      prisma(handle) ??
      postgresJs(handle) ??
      pgClient(handle))
    : null;
  return found && { library: found.library, query: async (...args) => (await found.query(...args)).map(postgresRow) };
}

/**
 * Statements for SQLite, with `?`. Null if the handle has no shape that is known (`SQLITE_HANDLES`).
 *
 * @throws OnceguardError `invalid_option`, also later by `query`, when no transaction is open.
 */
export function sqliteRunner(handle: unknown): SqlRunner | null {
  if (!isMembers(handle)) return null;
  const drizzle = drizzleConnection(handle);
  if (drizzle) return sqliteConnection(drizzle, "Drizzle");
  if (isSqliteConnection(handle)) return sqliteConnection(handle, "node:sqlite or better-sqlite3");
  const found = kysely(handle, "SQLite", /^\W*select \? as "/i);
  if (!found) return null;
  const query: Query = async (text, values) => (await found.query(text, values.map(sqliteValue))).map(sqliteRow);
  return { library: found.library, query };
}

/**
 * Refuses a handle that is on another copy of SQLite than the store: node:sqlite and better-sqlite3 each bring one. Two
 * copies in one process do not see each other's locks on a file (POSIX gives locks to processes), and the one that closes
 * deletes the write-ahead log under the other: acknowledged claims were lost that way. The copies differ in version or
 * build.
 *
 * @throws OnceguardError `invalid_option`
 */
export async function requireSameSqlite(
  runner: SqlRunner,
  store: { prepare(sql: string): { all(): unknown[] } },
): Promise<void> {
  for (const text of ["SELECT sqlite_source_id()", "PRAGMA compile_options"]) {
    const [theirs, ours] = [await runner.query(text, []), store.prepare(text).all()].map(valuesOf);
    if (theirs === ours) continue;
    throw refused(
      `${runner.library} brings another copy of SQLite than the store uses, and two in one process destroy each other's writes. Give the store a connection of the same library: sqliteStore({ database })`,
    );
  }
}

function valuesOf(rows: readonly unknown[]): string {
  return JSON.stringify(rows.map((row) => Object.values(row as object)));
}

/**
 * Refuses a handle whose transaction is not open, or no longer: a client without BEGIN, a transaction whose callback has
 * returned and whose connection serves somebody else by now. Every statement would be a commit of its own there.
 *
 * For PostgreSQL, which knows. A savepoint is the one statement that needs a transaction and changes nothing; it is
 * released before anything is written, so that no subtransaction is left for other sessions to look up.
 *
 * @throws OnceguardError `invalid_option`
 */
export async function requireOpenTransaction(runner: SqlRunner): Promise<void> {
  try {
    await runner.query("SAVEPOINT onceguard_join", []);
    await runner.query("RELEASE SAVEPOINT onceguard_join", []);
  } catch (error) {
    const state = (error as { code?: unknown } | null)?.code;
    if (state === "25P01") {
      throw refused(`${runner.library} has no transaction open on this connection; begin one, and end it afterwards`);
    }
    if (state === "25P02") {
      throw refused(
        `a statement before this one has failed, and so has the transaction of ${runner.library}; roll back`,
      );
    }
    throw error;
  }
}

/**
 * Refuses a handle on another database than the store: claim and receipt would be kept where nobody else looks for them,
 * and the effect would be made again.
 *
 * @param secret of the store; each has one of its own.
 * @throws OnceguardError `invalid_option`
 */
export async function requireStoreOf(
  runner: SqlRunner,
  query: { readonly text: string; readonly values: readonly unknown[] },
  secret: string,
  store: string,
): Promise<void> {
  const [theirs] = await runner.query(query.text, query.values).catch((error: unknown) => {
    if (isMissingTable(error)) return [];
    throw error;
  });
  if (theirs?.secret === secret) return;
  throw refused(`this transaction of ${runner.library} is not on the database of the store ${store}`);
}

/** In PostgreSQL by its SQLSTATE; SQLite has no code for it. */
function isMissingTable(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return code === "42P01" || code === "3F000" || /^no such table/.test(String(message));
}

// ---- PostgreSQL

function pgClient(handle: Members): SqlRunner | null {
  if (!isMethod(handle.query)) return null;
  if (typeof handle.totalCount === "number") throw refused("pass the client that holds your transaction, not the pool");
  // Both of pg's clients (the other one is native), and what extends them; no pool, and no client of another database.
  if (!isMethod(handle.escapeLiteral) && !isMembers(handle.connectionParameters)) return null;
  const client = handle as unknown as { query: Method<Promise<{ rows: Row[] }>> };
  return { library: "pg", query: async (text, values) => (await client.query({ text, values: [...values] })).rows };
}

function postgresJs(handle: Members): SqlRunner | null {
  if (!isMethod(handle.unsafe)) return null;
  // A reserved connection may hold a transaction begun by hand.
  if (!isMethod(handle.savepoint) && !isMethod(handle.release)) {
    throw refused("pass the sql that sql.begin gives your function, not the one that has the pool");
  }
  const sql = handle as unknown as { unsafe: Method<Promise<Row[]>> };
  return { library: "postgres.js", query: async (text, values) => [...(await sql.unsafe(text, [...values]))] };
}

function prisma(handle: Members): SqlRunner | null {
  if (!isMethod(handle.$queryRawUnsafe)) return null;
  // `$transaction` says nothing: since Prisma 7 transactions have it as well, to nest others.
  if (isMethod(handle.$connect)) {
    throw refused("pass the client that prisma.$transaction gives your function, not the PrismaClient itself");
  }
  const client = handle as unknown as { $queryRawUnsafe: Method<Promise<Row[]>> };
  const query: Query = (text, values) => client.$queryRawUnsafe(text, ...values).catch(throwPrismaCause);
  return { library: "Prisma", query };
}

/** Prisma's own codes (`P2010`) look like SQLSTATEs and are none. Engines and driver adapters keep the real one apart. */
function throwPrismaCause(error: unknown): never {
  const { meta, message } = (error ?? {}) as {
    meta?: { code?: string; driverAdapterError?: { cause?: { originalCode?: string } } };
    message?: string;
  };
  const code = meta?.driverAdapterError?.cause?.originalCode ?? meta?.code ?? "";
  throw Object.assign(new Error(message, { cause: error }), /^[0-9A-Z]{5}$/.test(code) ? { code } : {});
}

function drizzleOnPostgres(handle: Members): SqlRunner | null {
  const kinds = drizzleKinds(handle);
  if (!kinds.some((kind) => kind.startsWith("Pg"))) {
    if (kinds.length > 0) throw refused("this Drizzle transaction is not one on PostgreSQL");
    return null;
  }
  if (!kinds.some((kind) => kind.endsWith("Transaction"))) {
    throw refused("pass the tx that db.transaction gives your function, not the db of Drizzle");
  }
  const tx = handle as unknown as { execute: Method<Promise<Row[] | { rows: Row[] }>> };
  const query: Query = async (text, values) => {
    // What Drizzle's `sql` makes, as far as `execute` looks: our text has its placeholders already.
    const statement = { getSQL: () => statement, toQuery: () => ({ sql: text, params: [...values] }) };
    const answer = await tx.execute(statement).catch(throwDrizzleCause);
    return Array.isArray(answer) ? [...answer] : answer.rows;
  };
  return { library: "Drizzle", query };
}

/** The driver's error has the SQLSTATE. Drizzle's around it has all parameters in its message, payloads among them. */
function throwDrizzleCause(error: unknown): never {
  throw (error as { cause?: unknown } | null)?.cause ?? error;
}

/** No transformation (postgres.js can be told to make column names camelCase), and one way to say a 64-bit integer. */
function postgresRow(row: Row): Row {
  const plain: Row = {};
  for (const [name, value] of Object.entries(row)) {
    const column = name
      .replaceAll("-", "_")
      .replace(/[A-Z]/g, (letter, at) => (at > 0 ? "_" : "") + letter.toLowerCase());
    plain[column] = typeof value === "bigint" ? String(value) : value;
  }
  return plain;
}

// ---- SQLite

export interface SqliteConnection {
  exec(sql: string): unknown;
  prepare(sql: string): {
    readonly reader?: boolean;
    setReturnArrays?(enabled: boolean): void;
    run(...values: unknown[]): unknown;
    all(...values: unknown[]): Row[];
  };
  readonly inTransaction?: boolean;
  readonly isTransaction?: boolean;
}

function isSqliteConnection(handle: unknown): handle is SqliteConnection {
  return isMembers(handle) && isMethod(handle.prepare) && isMethod(handle.exec);
}

function sqliteConnection(db: SqliteConnection, library: string): SqlRunner {
  const requireOpen = () => {
    if (inTransaction(db)) return;
    throw refused(
      `no transaction is open on this connection of ${library}, or no longer. One that is a function ends before its first await; begin and commit by statements`,
    );
  };
  requireOpen();
  const query: Query = async (text, values) => {
    requireOpen(); // every time: it may have ended between two statements, and the next would commit by itself
    const statement = db.prepare(text);
    statement.setReturnArrays?.(false); // a database can be opened to give arrays
    const bound = values.map(sqliteValue);
    if (statement.reader !== false) return statement.all(...bound).map(sqliteRow);
    statement.run(...bound); // better-sqlite3 has no `all` for a statement without rows
    return [];
  };
  return { library, query };
}

/** Whether a transaction is open on this connection. */
export function inTransaction(db: Pick<SqliteConnection, "exec" | "inTransaction" | "isTransaction">): boolean {
  const told = db.inTransaction ?? db.isTransaction;
  if (typeof told === "boolean") return told;
  // Node before 22.16 cannot tell. A transaction does not begin inside of another one; a deferred one takes no lock.
  try {
    db.exec("BEGIN");
  } catch {
    return true;
  }
  db.exec("ROLLBACK");
  return false;
}

/** The connection itself: both Drizzle's db and its tx are on the only one, and its transaction is what counts. */
function drizzleConnection(handle: Members): SqliteConnection | null {
  const kinds = drizzleKinds(handle);
  if (kinds.length === 0) return null;
  const client = (handle.session as Members | undefined)?.client;
  if (kinds.some((kind) => kind.includes("SQLite")) && isSqliteConnection(client)) return client;
  throw refused("this Drizzle transaction is not one on better-sqlite3");
}

function sqliteValue(value: unknown): unknown {
  return typeof value === "boolean" ? Number(value) : value;
}

/** Numbers where they fit, also from a connection that makes every integer a BigInt: a false is 0, not "0". */
function sqliteRow(row: Row): Row {
  const plain: Row = {};
  for (const [name, value] of Object.entries(row)) {
    if (typeof value !== "bigint") plain[name] = value;
    else plain[name] = Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  return plain;
}

// ---- both

interface KyselyTransaction {
  readonly isTransaction: boolean;
  withoutPlugins(): KyselyTransaction;
  selectNoFrom(select: (eb: { val(value: number): { as(name: string): unknown } }) => unknown): {
    compile(): { sql: string };
  };
  executeQuery(query: unknown): Promise<{ rows: Row[] }>;
}

let kyselyQueries = 0;

function kysely(handle: Members, database: string, dialect: RegExp): SqlRunner | null {
  if (!isMethod(handle.executeQuery) || !isMethod(handle.withoutPlugins)) return null;
  if (handle.isTransaction !== true) {
    throw refused("pass the trx of a Kysely transaction, not the Kysely instance");
  }
  // A plugin such as CamelCasePlugin would rename the columns that our statements return.
  const trx = (handle as unknown as KyselyTransaction).withoutPlugins();
  // How its compiler writes a parameter is what has to fit, whoever made the dialect.
  if (!dialect.test(trx.selectNoFrom((eb) => eb.val(1).as("one")).compile().sql)) {
    throw refused(`this Kysely transaction is not one on ${database}`);
  }
  const query: Query = async (text, values) => {
    const statement = {
      sql: text,
      parameters: [...values],
      query: { kind: "RawNode", sqlFragments: [text], parameters: [] },
      queryId: { queryId: `onceguard_${++kyselyQueries}` },
    };
    return (await trx.executeQuery(statement)).rows;
  };
  return { library: "Kysely", query };
}

/**
 * The names Drizzle gives its classes for telling them apart across copies of itself, from the object's own class to the
 * base: `NodePgTransaction`, `PgTransaction`, `PgDatabase`. Empty for what is not Drizzle's.
 */
function drizzleKinds(handle: Members): string[] {
  const kinds: string[] = [];
  let type: unknown = (Object.getPrototypeOf(handle) as Members | null)?.constructor;
  while (typeof type === "function") {
    const own = Object.getOwnPropertyDescriptor(type, Symbol.for("drizzle:entityKind"));
    if (typeof own?.value === "string") kinds.push(own.value);
    type = Object.getPrototypeOf(type);
  }
  return kinds;
}

function refused(problem: string): OnceguardError {
  return new OnceguardError("invalid_option", `The transaction cannot be joined: ${problem}.`, {
    option: "transaction",
  });
}

/** postgres.js gives a function with members, the others an object. */
function isMembers(value: unknown): value is Members {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isMethod(value: unknown): value is Method<unknown> {
  return typeof value === "function";
}
