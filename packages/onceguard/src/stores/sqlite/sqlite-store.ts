import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type ClaimRequest, grantClaim } from "../../core/claim.ts";
import { OnceguardError } from "../../core/errors.ts";
import { advance, firstReceipt, KEEP_DUE, type Transition } from "../../core/lifecycle.ts";
import type { ApplyAnswer, ClaimAnswer, LogEntry, ReceiptQuery, Renewal, Store, StoreInfo } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";
import { Lane } from "../batch.ts";
import { missingMigrations, readMigrations } from "../migrate.ts";
import { type LogRow, logEntryOf, RECEIPT_COLUMNS, type ReceiptRow, receiptOf, resultColumns } from "../receipt-row.ts";
import { isBusy, storeError } from "./sqlite-errors.ts";

type SqlValue = string | number | null;

/** A prepared statement, by shape: node:sqlite's and better-sqlite3's both fit. */
export interface SqliteStatement {
  run(...parameters: SqlValue[]): { changes: number | bigint };
  get(...parameters: SqlValue[]): unknown;
  all(...parameters: SqlValue[]): unknown[];
}

/** A database, by shape. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): unknown;
}

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
  readonly #writes: Lane<(now: number) => unknown, unknown>;
  #database: SqliteDatabase | null = null;
  #statements: Statements | null = null;
  #opening: Promise<StoreInfo> | null = null;

  constructor(options: SqliteStoreOptions) {
    this.#options = options;
    this.name = options.path === undefined ? "sqlite" : `sqlite:${options.path}`;
    this.#writes = new Lane({
      flush: (writes) => this.#commit(writes),
      maxBatch: options.maxBatch ?? 64,
      // A flush is synchronous, so arrivals gather for one turn of the event loop instead of during it.
      schedule: setImmediate,
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
    const { secret } = db.prepare("SELECT secret FROM onceguard_secret").get() as { secret: string };
    this.#statements = prepare(db);
    return { secret, schemaVersion };
  }

  /** One transaction that starts by writing: of many starters one migrates, the others find it done. */
  #migrate(db: SqliteDatabase): number {
    const known = readMigrations(MIGRATIONS);
    db.exec("BEGIN IMMEDIATE");
    try {
      db.exec(
        "CREATE TABLE IF NOT EXISTS onceguard_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, breaking INTEGER NOT NULL) STRICT",
      );
      const rows = db.prepare("SELECT number, breaking FROM onceguard_migration").all() as {
        number: number;
        breaking: number;
      }[];
      const applied = rows.map((row) => ({ number: Number(row.number), breaking: Boolean(row.breaking) }));
      for (const migration of missingMigrations(known, applied, this.name)) {
        db.exec(migration.sql);
        db.prepare("INSERT INTO onceguard_migration (number, name, breaking) VALUES (?, ?, ?)").run(
          migration.number,
          migration.name,
          migration.breaking ? 1 : 0,
        );
      }
      db.exec("COMMIT");
      return Math.max(known.at(-1)?.number ?? 0, ...applied.map((one) => one.number));
    } catch (error) {
      db.exec("ROLLBACK");
      throw error;
    }
  }

  claim(request: ClaimRequest): Promise<ClaimAnswer> {
    return this.#write((now) => this.#claim(request, now));
  }

  #claim(request: ClaimRequest, now: number): ClaimAnswer {
    const { insert, log } = this.#ready();
    const { tenant, requestId, explicitId, ownerToken } = request;
    const receipt = firstReceipt(request, now);
    if (insert.run(...insertValues(receipt, ownerToken)).changes) {
      log.run(...logValues(receipt, "claim", receipt.actor, null, now));
      return { kind: "claimed", claim: grantClaim(receipt, ownerToken) };
    }
    const row = this.#row(tenant, requestId) ?? (explicitId === null ? undefined : this.#row(tenant, explicitId));
    if (!row) throw new Error("an insert conflicted with a row that is not there");
    const existing = receiptOf(row, now);
    const alreadyOurs = row.owner_token === ownerToken && existing.version === 1;
    return alreadyOurs
      ? { kind: "claimed", claim: grantClaim(existing, ownerToken) }
      : { kind: "exists", receipt: existing };
  }

  apply(transition: Transition): Promise<ApplyAnswer> {
    return this.#write((now) => this.#apply(transition, now));
  }

  #apply(transition: Transition, now: number): ApplyAnswer {
    const { update, log } = this.#ready();
    const { from, ownerToken } = transition;
    let receipt = advance(transition, now);
    if (update.run(...updateValues(transition, receipt, now)).changes) {
      log.run(...logValues(receipt, transition.event, transition.actor, transition.detail, now));
      // What it kept may have been renewed since the record was read.
      const row = transition.next.dueInMs === KEEP_DUE ? this.#row(from.tenant, from.requestId) : undefined;
      if (row) receipt = receiptOf(row, now);
    } else {
      const row = this.#row(from.tenant, from.requestId);
      if (!row) return { kind: "stale", receipt: null };
      receipt = receiptOf(row, now);
      if (receipt.version !== from.version + 1 || row.owner_token !== ownerToken) return { kind: "stale", receipt };
    }
    const claimed = receipt.state === "running" && receipt.fencingToken > from.fencingToken;
    return { kind: "applied", receipt, claim: claimed ? grantClaim(receipt, ownerToken) : null };
  }

  renew(renewals: readonly Renewal[]): Promise<readonly Renewal[]> {
    return this.#write((now) => {
      const { renew } = this.#ready();
      return renewals.filter(
        ({ tenant, requestId, fencingToken, leaseMs }) =>
          !renew.run(now + leaseMs, tenant, requestId, fencingToken).changes,
      );
    });
  }

  find(tenant: string, requestId: string): Promise<Receipt | null> {
    return this.#read((now) => {
      const row = this.#row(tenant, requestId);
      return row ? receiptOf(row, now) : null;
    });
  }

  due(query: { readonly actions: readonly string[]; readonly limit: number }): Promise<readonly Receipt[]> {
    return this.#read((now) => {
      const actions = JSON.stringify(query.actions);
      const rows = this.#ready().due.all(now, now, actions, now, actions, query.limit);
      return (rows as ReceiptRow[]).map((row) => receiptOf(row, now));
    });
  }

  list(query: ReceiptQuery): Promise<readonly Receipt[]> {
    return this.#read((now) => {
      const where: string[] = [];
      const values: SqlValue[] = [];
      const equal = (column: string, value: string | undefined): void => {
        if (value === undefined) return;
        where.push(`${column} = ?`);
        values.push(value);
      };
      equal("tenant", query.tenant);
      equal("action", query.action);
      equal("record_id", query.recordId);
      equal("run_id", query.runId);
      if (query.states) {
        where.push("state IN (SELECT value FROM json_each(?))");
        values.push(JSON.stringify(query.states));
      }
      if (query.after) {
        where.push("rowid < (SELECT rowid FROM onceguard_request WHERE request_id = ? AND tenant = ?)");
        values.push(query.after.requestId, query.after.tenant);
      }
      const sql = `SELECT ${COLUMNS} FROM onceguard_request ${where.length > 0 ? `WHERE ${where.join(" AND ")}` : ""} ORDER BY ${query.order === "longest_due" ? "due_at NULLS LAST" : "rowid DESC"} LIMIT ?`;
      const rows = this.#opened()
        .prepare(sql)
        .all(...values, query.limit) as ReceiptRow[];
      return rows.map((row) => receiptOf(row, now));
    });
  }

  async append(entry: Omit<LogEntry, "at">): Promise<void> {
    await this.#write((now) => this.#ready().log.run(...logValues(entry, entry.event, entry.actor, entry.detail, now)));
  }

  log(tenant: string, requestId: string): Promise<readonly LogEntry[]> {
    return this.#read(() => (this.#ready().history.all(tenant, requestId) as LogRow[]).map(logEntryOf));
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined); // calls made before this one may still wait for it
    await this.#writes.idle();
    const db = this.#database;
    this.#database = null;
    this.#statements = null;
    this.#opening = null;
    if (db && this.#options.database === undefined) db.close();
  }

  async #write<Answer>(write: (now: number) => Answer): Promise<Answer> {
    await this.open();
    return (await this.#writes.push(write)) as Answer;
  }

  async #read<Answer>(read: (now: number) => Answer): Promise<Answer> {
    await this.open();
    return this.#guarded(() => read(this.#now()));
  }

  /** The writes of one flush, in one commit. */
  #commit(writes: readonly ((now: number) => unknown)[]): Promise<readonly unknown[]> {
    return this.#guarded(() => {
      const db = this.#opened();
      db.exec("BEGIN IMMEDIATE");
      try {
        const now = this.#now();
        const answers = writes.map((write) => write(now));
        db.exec("COMMIT");
        return answers;
      } catch (error) {
        try {
          db.exec("ROLLBACK");
        } catch {
          // SQLite has rolled back by itself
        }
        throw error;
      }
    });
  }

  /** Asks again, without blocking the process, while another one holds the lock. */
  async #guarded<Answer>(work: () => Answer): Promise<Answer> {
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

  #now(): number {
    return this.#options.clock?.() ?? Number((this.#ready().now.get() as { now: number }).now);
  }

  #row(tenant: string, requestId: string): ReceiptRow | undefined {
    const { find, findExplicit } = this.#ready();
    return (find.get(tenant, requestId) ?? findExplicit.get(tenant, requestId)) as ReceiptRow | undefined;
  }

  #opened(): SqliteDatabase {
    if (this.#database) return this.#database;
    throw new OnceguardError("store_unavailable", `The store ${this.name} is closed.`, {
      store: this.name,
      applied: "no",
    });
  }

  #ready(): Statements {
    this.#opened();
    return this.#statements as Statements;
  }
}

const COLUMNS = RECEIPT_COLUMNS.join(", ");

type Statements = ReturnType<typeof prepare>;

function prepare(db: SqliteDatabase) {
  return {
    now: db.prepare("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now"),
    insert: db.prepare(
      `INSERT INTO onceguard_request (${COLUMNS}) VALUES (${RECEIPT_COLUMNS.map(() => "?").join(", ")}) ON CONFLICT DO NOTHING`,
    ),
    update: db.prepare(
      `UPDATE onceguard_request SET state = ?, conflict = ?, may_have_applied = ?, fencing_token = ?, generation = ?,
         attempt_number = ?, version = version + 1, owner_token = ?, result = ?, result_omitted = ?, failure = ?,
         evidence = ?, reason = ?, route = ?, payload = ?, updated_at = ?, generation_at = ?, attempt_ended_at = ?,
         due_at = CASE WHEN ? THEN due_at ELSE ? END
       WHERE tenant = ? AND request_id = ? AND version = ? AND state = ? AND fencing_token = ? AND (NOT ? OR due_at <= ?)`,
    ),
    renew: db.prepare(
      `UPDATE onceguard_request SET due_at = ?
       WHERE tenant = ? AND request_id = ? AND fencing_token = ? AND state = 'running'`,
    ),
    find: db.prepare(`SELECT ${COLUMNS} FROM onceguard_request WHERE tenant = ? AND request_id = ?`),
    findExplicit: db.prepare(`SELECT ${COLUMNS} FROM onceguard_request WHERE tenant = ? AND explicit_id = ?`),
    due: db.prepare(
      `SELECT ${COLUMNS} FROM onceguard_request
       WHERE (state = 'running' AND due_at <= ?)
          OR (state = 'retry_wait' AND due_at <= ? AND action IN (SELECT value FROM json_each(?)))
          OR (state = 'in_doubt' AND due_at <= ?
              AND (capability = 'none' OR action IN (SELECT value FROM json_each(?))))
       ORDER BY due_at LIMIT ?`,
    ),
    log: db.prepare(
      `INSERT INTO onceguard_log (seq, tenant, request_id, event, state, version, fencing_token, attempt_number, actor, detail, at)
       SELECT COALESCE(MAX(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM onceguard_log WHERE request_id = ? AND tenant = ?`,
    ),
    history: db.prepare("SELECT * FROM onceguard_log WHERE tenant = ? AND request_id = ? ORDER BY seq"),
  };
}

function insertValues(receipt: Receipt, ownerToken: string): SqlValue[] {
  const { json, omitted } = resultColumns(receipt.result);
  return [
    receipt.tenant,
    receipt.requestId,
    receipt.explicitId,
    receipt.action,
    receipt.recordId,
    receipt.riskTier,
    receipt.capability,
    receipt.keySource,
    receipt.fingerprint,
    receipt.payload,
    receipt.runId,
    receipt.actor,
    receipt.state,
    Number(receipt.conflict),
    Number(receipt.mayHaveApplied),
    receipt.fencingToken,
    receipt.generation,
    receipt.attemptNumber,
    receipt.version,
    ownerToken,
    json,
    omitted,
    receipt.failure && JSON.stringify(receipt.failure),
    receipt.evidence,
    receipt.reason,
    receipt.route,
    receipt.createdAt,
    receipt.updatedAt,
    receipt.generationAt,
    receipt.attemptEndedAt,
    receipt.dueAt,
  ];
}

function updateValues(transition: Transition, after: Receipt, now: number): SqlValue[] {
  const { from, next } = transition;
  const { json, omitted } = resultColumns(after.result);
  return [
    after.state,
    Number(after.conflict),
    Number(after.mayHaveApplied),
    after.fencingToken,
    after.generation,
    after.attemptNumber,
    transition.ownerToken,
    json,
    omitted,
    after.failure && JSON.stringify(after.failure),
    after.evidence,
    after.reason,
    after.route,
    after.payload,
    after.updatedAt,
    after.generationAt,
    after.attemptEndedAt,
    Number(next.dueInMs === KEEP_DUE),
    after.dueAt,
    from.tenant,
    from.requestId,
    from.version,
    from.state,
    from.fencingToken,
    Number(transition.requiresLapse),
    now,
  ];
}

function logValues(
  of: Omit<LogEntry, "at" | "event" | "actor" | "detail">,
  event: string,
  actor: string | null,
  detail: string | null,
  at: number,
): SqlValue[] {
  const { tenant, requestId, state, version, fencingToken, attemptNumber } = of;
  return [tenant, requestId, event, state, version, fencingToken, attemptNumber, actor, detail, at, requestId, tenant];
}
