import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ClaimRequest } from "../../core/claim.ts";
import type { Epoch, EpochOrder } from "../../core/epoch.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { Halt, HaltOrder, HaltScope, HaltSubject } from "../../core/halt.ts";
import type { Transition } from "../../core/lifecycle.ts";
import type {
  ApplyAnswer,
  ClaimAnswer,
  HaltQuery,
  LogEntry,
  LogQuery,
  NewLogEntry,
  ReceiptQuery,
  Renewal,
  Store,
  StoredCase,
  StoreInfo,
  StoreTransaction,
  TakenNotification,
} from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { Lane } from "../batch.ts";
import { type LogRow, logEntryOf } from "../log-row.ts";
import { missingMigrations, readMigrations } from "../migrate.ts";
import { RECEIPT_COLUMNS, type ReceiptRow, receiptOf } from "../receipt-row.ts";
import { areAlwaysDue } from "../sql/always-due.ts";
import { apply } from "../sql/apply.ts";
import { findCaseQuery, saveCase, storedCaseOf } from "../sql/cases.ts";
import { claim, existing, findQuery } from "../sql/claim.ts";
import { dueSql } from "../sql/due.ts";
import { endEpochQuery, epochOf, epochQuery, startEpoch } from "../sql/epochs.ts";
import { haltForQuery, haltOf, insertHalt, listHaltsQuery, resume } from "../sql/halts.ts";
import { appendLog, historyQuery, searchLogQuery } from "../sql/log.ts";
import { settleNotificationQuery, takeNotificationsQuery, takenOf } from "../sql/notifications.ts";
import {
  type Dialect,
  type Query,
  type Row,
  runSteps,
  runStepsAsync,
  type SqlValue,
  type Steps,
} from "../sql/steps.ts";
import { transactionEnded } from "../sql/transaction-ended.ts";
import { unknownHandle } from "../sql/unknown-handle.ts";
import {
  inTransaction,
  requireSameSqlite,
  requireStoreOf,
  SQLITE_HANDLES,
  sqliteRunner,
} from "../transaction-handle.ts";
import { BUSY, isBusy, storeError } from "./sqlite-errors.ts";

/** A prepared statement, by shape: node:sqlite's and better-sqlite3's both fit. */
export interface SqliteStatement {
  run(...parameters: (string | number | null)[]): { changes: number | bigint };
  get(...parameters: (string | number | null)[]): unknown;
  all(...parameters: (string | number | null)[]): unknown[];
}

/** A database, by shape. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): unknown;
  /** Whether a transaction is open: under this name in node:sqlite, and under that one in better-sqlite3. */
  readonly isTransaction?: boolean;
  readonly inTransaction?: boolean;
}

/** Options of `sqliteStore`: a `path` or a `database`. */
export interface SqliteStoreOptions {
  /** The database file; made if it does not exist (its folder must). */
  readonly path?: string;
  /** Or an open database of your own: node:sqlite's `DatabaseSync`, better-sqlite3. `close` then leaves it open. */
  readonly database?: SqliteDatabase;
  /** How long a write waits for other processes, in ms. Default 10 000. */
  readonly busyTimeoutMs?: number;
  /** Most writes in one commit. Default 64. */
  readonly maxBatch?: number;
  /** For tests: instead of SQLite's clock, in ms since the epoch. */
  readonly clock?: () => number;
}

const MIGRATIONS = new URL("./migrations/", import.meta.url);

/** How long SQLite itself waits for a lock. Short, because it blocks the whole process; longer waits are ours. */
const NATIVE_BUSY_MS = 10;

/**
 * Receipts in one SQLite file: embedded, durable (`WAL`, `synchronous = FULL`), safe for any number of processes on one
 * machine. Concurrent writes of one process share their commits.
 */
export function sqliteStore(options: SqliteStoreOptions): Store {
  if ((options.path === undefined) === (options.database === undefined)) {
    throw new OnceguardError("invalid_option", "sqliteStore takes either a path or a database.", { option: "path" });
  }
  return new SqliteStore(options);
}

class SqliteStore implements Store {
  readonly name: string;
  readonly durable = true;
  readonly #options: SqliteStoreOptions;
  readonly #writes: Lane<(ask: Ask, now: number) => unknown, unknown>;
  readonly #statements = new Map<string, SqliteStatement>();
  #database: SqliteDatabase | null = null;
  /** While a transaction has the connection to itself. */
  #exclusive: Promise<void> | null = null;
  /** Calls that are not done, so that `close` can wait for them. */
  #underWay = 0;
  #opening: Promise<StoreInfo> | null = null;

  constructor(options: SqliteStoreOptions) {
    this.#options = options;
    this.name = options.path === undefined ? "sqlite" : `sqlite:${options.path}`;
    this.#writes = new Lane({
      flush: (writes) => this.#commit(writes),
      maxBatch: options.maxBatch ?? 64,
      alwaysGathers: true,
    });
  }

  open(): Promise<StoreInfo> {
    this.#opening ??= this.#guarded(() => this.#open()).catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  #open(): StoreInfo {
    const { path, database } = this.#options;
    if (path !== undefined && path !== ":memory:" && !existsSync(dirname(resolve(path)))) {
      throw new OnceguardError(
        "store_unusable",
        `The folder of ${path} does not exist. Make it, or name another file.`,
        {
          store: this.name,
        },
      );
    }
    const db = database ?? this.#database ?? new DatabaseSync(path as string);
    this.#database = db; // kept even when what follows is busy: the next try goes on with it
    db.exec(`PRAGMA busy_timeout = ${NATIVE_BUSY_MS}`);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = FULL");
    db.exec("PRAGMA fullfsync = 1"); // macOS only; elsewhere without effect
    const schemaVersion = this.#migrate(db);
    const { secret } = db.prepare(SECRET.text).get() as { secret: string };
    return { secret, schemaVersion };
  }

  /** One transaction that starts by writing: of many starters one migrates, the others find it done. */
  #migrate(db: SqliteDatabase): number {
    const known = readMigrations(MIGRATIONS);
    const current = this.#appliedTo(db);
    // Nothing to write, and so nobody to wait for: also not for the caller's own transaction, which this call may join.
    if (current !== null && missingMigrations(known, current, this.name).length === 0) return highest(known, current);
    db.exec("BEGIN IMMEDIATE");
    try {
      db.exec(
        "CREATE TABLE IF NOT EXISTS onceguard_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, breaking INTEGER NOT NULL) STRICT",
      );
      const applied = this.#appliedTo(db) ?? [];
      for (const migration of missingMigrations(known, applied, this.name)) {
        db.exec(migration.sql);
        db.prepare("INSERT INTO onceguard_migration (number, name, breaking) VALUES (?, ?, ?)").run(
          migration.number,
          migration.name,
          migration.breaking ? 1 : 0,
        );
      }
      db.exec("COMMIT");
      return highest(known, applied);
    } catch (error) {
      db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Null where nothing is installed yet. */
  #appliedTo(db: SqliteDatabase): { readonly number: number; readonly breaking: boolean }[] | null {
    const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'onceguard_migration'").get();
    if (!table) return null;
    const rows = db.prepare("SELECT number, breaking FROM onceguard_migration").all() as Row[];
    return rows.map((row) => ({ number: Number(row.number), breaking: Boolean(row.breaking) }));
  }

  async claim(request: ClaimRequest, readFirst = false): Promise<ClaimAnswer> {
    const known = readFirst ? await this.#read((ask) => runSteps(existing(DIALECT, request), ask)) : null;
    return known ?? this.#steps(() => claim(DIALECT, request));
  }

  apply(transition: Transition): Promise<ApplyAnswer> {
    return this.#steps(() => apply(DIALECT, transition));
  }

  renew(renewals: readonly Renewal[]): Promise<readonly Renewal[]> {
    return this.#write((ask, now) =>
      renewals.filter(
        ({ tenant, requestId, fencingToken, leaseMs }) =>
          ask({ text: RENEW, values: [now + leaseMs, tenant, requestId, fencingToken] }).length === 0,
      ),
    );
  }

  find(tenant: string, requestId: string): Promise<Receipt | null> {
    return this.#read((ask, now) => {
      const [row] = ask(findQuery(DIALECT, tenant, requestId));
      return row ? receiptOf(row as unknown as ReceiptRow, now) : null;
    });
  }

  due(query: { readonly actions: readonly string[]; readonly limit: number }): Promise<readonly Receipt[]> {
    return this.#read((ask, now) => {
      const actions = JSON.stringify(query.actions);
      return ask({ text: DUE, values: [actions, now, now, now, query.limit] }).map((row) =>
        receiptOf(row as unknown as ReceiptRow, now),
      );
    });
  }

  list(query: ReceiptQuery): Promise<readonly Receipt[]> {
    return this.#read((ask, now) => {
      const where: string[] = [];
      const values: SqlValue[] = [];
      const is = (condition: string, value: SqlValue | undefined): void => {
        if (value === undefined) return;
        where.push(condition);
        values.push(value);
      };
      is("tenant = ?", query.tenant);
      is("action = ?", query.action);
      is("record_id = ?", query.recordId);
      is("run_id = ?", query.runId);
      is("case_id = ?", query.caseId);
      is("key_id = ?", query.keyId);
      is("conflict = ?", query.conflict);
      is("updated_at < ?", query.updatedBefore);
      is("state IN (SELECT value FROM json_each(?))", query.states && JSON.stringify(query.states));
      if (query.states !== undefined && areAlwaysDue(query.states)) where.push("due_at IS NOT NULL");
      if (query.after) {
        where.push("id < (SELECT id FROM onceguard_request WHERE request_id = ? AND tenant = ?)");
        values.push(query.after.requestId, query.after.tenant);
      }
      const condition = where.length > 0 ? `WHERE ${where.join(" AND ")}` : "";
      const order = query.order === "longest_due" ? "due_at NULLS LAST, id" : "id DESC";
      const text = `SELECT ${COLUMNS} FROM onceguard_request ${condition} ORDER BY ${order} LIMIT ?`;
      return ask({ text, values: [...values, query.limit] }).map((row) => receiptOf(row as unknown as ReceiptRow, now));
    });
  }

  async append(entry: NewLogEntry): Promise<void> {
    await this.#write((ask, now) => runSteps(appendLog(DIALECT, entry, now), ask));
  }

  log(tenant: string, requestId: string): Promise<readonly LogEntry[]> {
    return this.#read((ask) =>
      ask(historyQuery(DIALECT, tenant, requestId)).map((row) => logEntryOf(row as unknown as LogRow)),
    );
  }

  searchLog(query: LogQuery): Promise<readonly LogEntry[]> {
    return this.#read((ask) => ask(searchLogQuery(DIALECT, query)).map((row) => logEntryOf(row as unknown as LogRow)));
  }

  halt(order: HaltOrder): Promise<Halt> {
    return this.#write((ask, now) => runSteps(insertHalt(DIALECT, order, now), ask));
  }

  resume(
    tenant: string,
    scope: HaltScope,
    id: string,
    by: { readonly actor: string; readonly reason: string },
  ): Promise<Halt | null> {
    return this.#write((ask, now) => runSteps(resume(DIALECT, { tenant, scope, id }, by, now), ask));
  }

  halts(query: HaltQuery): Promise<readonly Halt[]> {
    return this.#read((ask) => ask(listHaltsQuery(DIALECT, query)).map(haltOf));
  }

  haltFor(subject: HaltSubject): Promise<Halt | null> {
    return this.#read((ask) => first(ask(haltForQuery(DIALECT, subject)), haltOf));
  }

  findCase(tenant: string, id: string): Promise<StoredCase | null> {
    return this.#read((ask) => first(ask(findCaseQuery(DIALECT, tenant, id)), storedCaseOf));
  }

  saveCase(stored: StoredCase): Promise<StoredCase | null> {
    return this.#write((ask, now) => runSteps(saveCase(DIALECT, stored, now), ask));
  }

  takeNotifications(query: Parameters<Store["takeNotifications"]>[0]): Promise<readonly TakenNotification[]> {
    return this.#write((ask, now) => takenOf(ask(takeNotificationsQuery(DIALECT, query, now))));
  }

  async settleNotification(id: string, againInMs: number | null): Promise<void> {
    await this.#write((ask, now) => ask(settleNotificationQuery(DIALECT, id, againInMs, now)));
  }

  now(): Promise<number> {
    return this.#read((_ask, now) => now);
  }

  epoch(): Promise<Epoch | null> {
    return this.#read((ask, now) => first(ask(epochQuery(DIALECT, now)), epochOf));
  }

  startEpoch(order: EpochOrder): Promise<Epoch> {
    return this.#write((ask, now) => runSteps(startEpoch(DIALECT, order, now), ask));
  }

  endEpoch(by: { readonly actor: string; readonly reason: string }): Promise<Epoch | null> {
    return this.#write((ask, now) => first(ask(endEpochQuery(DIALECT, by, now)), epochOf));
  }

  /**
   * The connection is the caller's alone until the work is done; everybody else of this process waits. Work that calls
   * the same store outside its transaction would wait for itself.
   */
  async transact<Answer>(work: (transaction: StoreTransaction) => Promise<Answer>): Promise<Answer> {
    this.#underWay++;
    let release: () => void = () => undefined;
    try {
      await this.open();
      while (this.#exclusive !== null) await this.#exclusive;
      this.#exclusive = new Promise((done) => {
        release = () => {
          this.#exclusive = null;
          done();
        };
      });
      await this.#patiently(() => {
        this.#requireNoTransaction();
        this.#opened().exec("BEGIN IMMEDIATE");
      });
      return await this.#transacted(work, this.#opened());
    } finally {
      release();
      this.#underWay--;
    }
  }

  async #transacted<Answer>(
    work: (transaction: StoreTransaction) => Promise<Answer>,
    db: SqliteDatabase,
  ): Promise<Answer> {
    let isOver = false;
    const asker = this.#asker(this.#now());
    const ask: Ask = (query) => {
      // Work that goes on after its end, or has ended it; and SQLite itself does when the disk is full.
      if (isOver || !inTransaction(db)) throw transactionEnded();
      try {
        return asker(query);
      } catch (error) {
        throw storeError(error, this.name);
      }
    };
    try {
      const answer = await work({
        handle: db,
        claim: async (request) => runSteps(claim(DIALECT, request), ask),
        apply: async (transition) => runSteps(apply(DIALECT, transition), ask),
      });
      isOver = true;
      if (!inTransaction(db)) throw transactionEnded();
      await this.#patiently(() => db.exec("COMMIT"));
      return answer;
    } catch (error) {
      isOver = true;
      rollback(db);
      throw error;
    }
  }

  join(handle: unknown): StoreTransaction {
    const runner = sqliteRunner(handle);
    if (runner === null) throw unknownHandle("SQLite", SQLITE_HANDLES);
    const clock = this.#options.clock;
    const ask = async (query: Query): Promise<readonly Row[]> => {
      if (query === CLOCK && clock) return [{ now: clock() }];
      try {
        return await runner.query(query.text, query.values.map(plain));
      } catch (error) {
        throw storeError(error, this.name);
      }
    };
    let isOurs = false;
    const within = async <Answer>(steps: Steps<Answer>): Promise<Answer> => {
      const { secret } = await this.open();
      if (handle !== this.#opened() && !isOurs) {
        await requireSameSqlite(runner, this.#opened());
        await requireStoreOf(runner, SECRET, secret, this.name);
      }
      isOurs = true;
      return runStepsAsync(steps, ask);
    };
    return {
      handle,
      claim: (request) => within(claim(DIALECT, request)),
      apply: (transition) => within(apply(DIALECT, transition)),
    };
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined); // calls made before this one may still wait for it
    do await this.#writes.idle();
    while (this.#underWay > 0);
    const db = this.#database;
    this.#database = null;
    this.#statements.clear();
    this.#opening = null;
    if (db && this.#options.database === undefined) db.close();
  }

  #steps<Answer>(steps: () => Steps<Answer>): Promise<Answer> {
    return this.#write((ask) => runSteps(steps(), ask));
  }

  async #write<Answer>(write: (ask: Ask, now: number) => Answer): Promise<Answer> {
    await this.open();
    return (await this.#writes.push(write)) as Answer;
  }

  async #read<Answer>(read: (ask: Ask, now: number) => Answer): Promise<Answer> {
    await this.open();
    return this.#guarded(() => {
      const now = this.#now();
      return read(this.#asker(now), now);
    });
  }

  /** The writes of one flush, in one commit. */
  #commit(writes: readonly ((ask: Ask, now: number) => unknown)[]): Promise<readonly unknown[]> {
    return this.#guarded(() => {
      const db = this.#opened();
      db.exec("BEGIN IMMEDIATE");
      try {
        const now = this.#now();
        const ask = this.#asker(now);
        const answers = writes.map((write) => write(ask, now));
        db.exec("COMMIT");
        return answers;
      } catch (error) {
        rollback(db);
        throw error;
      }
    });
  }

  /** Outside of every transaction that has the connection: one of ours, or the caller's on a connection that is theirs. */
  async #guarded<Answer>(work: () => Answer): Promise<Answer> {
    this.#underWay++;
    try {
      for (;;) {
        while (this.#exclusive !== null) await this.#exclusive;
        const done = await this.#patiently(() => {
          if (this.#exclusive !== null) return null; // it began while we waited for another process
          this.#requireNoTransaction();
          return { answer: work() };
        });
        if (done) return done.answer;
      }
    } finally {
      this.#underWay--;
    }
  }

  /** Asks again, without blocking the process, while somebody else holds the lock. */
  async #patiently<Answer>(work: () => Answer): Promise<Answer> {
    const deadline = performance.now() + (this.#options.busyTimeoutMs ?? 10_000);
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw storeError(error, this.name);
        await new Promise((again) => setTimeout(again, 1 + Math.random() * 10));
      }
    }
  }

  /** One that the caller has open on a shared connection: reading in it would believe what may be undone. */
  #requireNoTransaction(): void {
    const { database } = this.#options;
    if (database === undefined || !inTransaction(database)) return;
    throw Object.assign(new Error("a transaction is open on the connection that the store was given"), {
      errcode: BUSY,
    });
  }

  /** Runs statements as of one moment: whatever one commit writes has one time. */
  #asker(now: number): Ask {
    const db = this.#opened();
    return (query) => {
      if (query === CLOCK) return [{ now }];
      let statement = this.#statements.get(query.text);
      if (!statement) {
        // List queries and budgets differ in their conditions; there are not that many.
        if (this.#statements.size >= MOST_STATEMENTS) this.#statements.clear();
        statement = db.prepare(query.text);
        this.#statements.set(query.text, statement);
      }
      return statement.all(...query.values.map(plain)) as Row[];
    };
  }

  #now(): number {
    return this.#options.clock?.() ?? Number((this.#asker(0)({ text: CLOCK.text, values: [] })[0] as Row).now);
  }

  #opened(): SqliteDatabase {
    if (this.#database) return this.#database;
    throw new OnceguardError("store_unavailable", `The store ${this.name} is closed.`, {
      store: this.name,
      applied: "no",
    });
  }
}

function highest(...lists: readonly (readonly { readonly number: number }[])[]): number {
  return Math.max(0, ...lists.flat().map((one) => one.number));
}

type Ask = (query: Query) => readonly Row[];

const MOST_STATEMENTS = 200;

const COLUMNS = RECEIPT_COLUMNS.join(", ");

const CLOCK: Query = { text: "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now", values: [] };

const SECRET: Query = { text: "SELECT secret FROM onceguard_secret", values: [] };

const DIALECT: Dialect = {
  table: (name) => `onceguard_${name}`,
  clock: () => CLOCK,
  linksLog: true,
  // BEGIN IMMEDIATE has let nobody else in.
  lock: () => [],
};

const RENEW = `UPDATE onceguard_request SET due_at = ?
WHERE tenant = ? AND request_id = ? AND fencing_token = ? AND state = 'running' RETURNING 1`;

const DUE = `WITH known AS (SELECT value FROM json_each(?))
SELECT ${RECEIPT_COLUMNS.map((column) => `r.${column}`).join(", ")} FROM onceguard_request r
WHERE ${dueSql(DIALECT, "?", "r.action IN (SELECT value FROM known)")}
ORDER BY r.due_at LIMIT ?`;

function plain(value: SqlValue): string | number | null {
  return typeof value === "boolean" ? Number(value) : value;
}

function first<Value>(rows: readonly Row[], of: (row: Row) => Value): Value | null {
  return rows[0] ? of(rows[0]) : null;
}

function rollback(db: SqliteDatabase): void {
  try {
    db.exec("ROLLBACK");
  } catch {
    // SQLite has rolled back by itself
  }
}
