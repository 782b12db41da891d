import { type ClaimRequest, grantClaim } from "../../core/claim.ts";
import type { Epoch, EpochOrder } from "../../core/epoch.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { Halt, HaltOrder, HaltScope, HaltSubject } from "../../core/halt.ts";
import { advance, firstReceipt, KEEP_DUE, type Transition } from "../../core/lifecycle.ts";
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
import { LOG_COLUMNS, type LogRow, logEntryOf, logValues } from "../log-row.ts";
import { type ReceiptRow, receiptOf, resultColumns } from "../receipt-row.ts";
import { areAlwaysDue } from "../sql/always-due.ts";
import { applied, apply } from "../sql/apply.ts";
import { findCaseQuery, saveCase, storedCaseOf } from "../sql/cases.ts";
import { answerFor, claim } from "../sql/claim.ts";
import { endEpochQuery, epochOf, epochQuery, startEpoch } from "../sql/epochs.ts";
import { haltForQuery, haltOf, insertHalt, listHaltsQuery, resume } from "../sql/halts.ts";
import { searchLogQuery } from "../sql/log.ts";
import { settleNotificationQuery, takeNotificationsQuery, takenOf } from "../sql/notifications.ts";
import { type Dialect, now, type Query, type Row, runStepsAsync, type Steps } from "../sql/steps.ts";
import { transactionEnded } from "../sql/transaction-ended.ts";
import { unknownHandle } from "../sql/unknown-handle.ts";
import { POSTGRES_HANDLES, postgresRunner, requireOpenTransaction, requireStoreOf } from "../transaction-handle.ts";
import { Connection, checkedSchema, type PostgresClient, type PostgresPool } from "./connection.ts";
import { migratePostgres } from "./migrate-postgres.ts";
import { ownPool, statementTimeoutMs, withoutSecrets } from "./own-pool.ts";
import { joinedError, unavailable } from "./postgres-errors.ts";
import { bound, dialectOf, listStatement, type RowStatements, type Statements, statements } from "./statements.ts";

export type { PostgresPool } from "./connection.ts";
export { type TenantRole, type TenantRoles, type TenantRolesOptions, tenantRoles } from "./tenant-roles.ts";

/** Options of `postgresStore`: a `url` or a `pool`. */
export interface PostgresStoreOptions {
  /** `postgres://user:password@host/database`; makes a `pg` pool of its own (install `pg`). */
  readonly url?: string;
  /** Or your pool, by shape (`pg.Pool`); `close` then leaves it open. */
  readonly pool?: PostgresPool;
  /** The schema that holds Onceguard's tables; made if missing. Default `onceguard`. */
  readonly schema?: string;
  /** Most connections of the own pool. Default 10. */
  readonly maxConnections?: number;
  /** Longest wait for the answer to one statement, in ms. Default 5 000. */
  readonly statementTimeoutMs?: number;
  /** Named prepared statements. Switched off by itself behind a pooler that cannot do them. Default true. */
  readonly prepare?: boolean;
  /** Most rows in one statement. Default 64. */
  readonly maxBatch?: number;
  /** For tests: instead of the database's clock, in ms since the epoch. */
  readonly clock?: () => number;
}

/**
 * Receipts in PostgreSQL, for many machines. Keep `synchronous_commit` on: an acknowledged claim that a crash takes
 * back is a payment made twice. Concurrent writes of one process share statements and commits.
 */
export function postgresStore(options: PostgresStoreOptions): Store {
  if ((options.url === undefined) === (options.pool === undefined)) {
    throw new OnceguardError("invalid_option", "postgresStore takes either a url or a pool.", { option: "url" });
  }
  return new PostgresStore(options);
}

class PostgresStore implements Store {
  readonly name: string;
  readonly durable = true;
  readonly #options: PostgresStoreOptions;
  readonly #schema: string;
  readonly #sql: Statements;
  readonly #dialect: Dialect;
  readonly #claims: Lane<ClaimRequest, Receipt | null>;
  readonly #changes: Lane<Transition, Receipt | null>;
  readonly #finds: Lane<Key, Found | null>;
  readonly #standings: Lane<ClaimKey, Found | null>;
  readonly #appends: Lane<NewLogEntry, undefined>;
  #opening: Promise<{ info: StoreInfo; connection: Connection; pool: PostgresPool }> | null = null;
  #connection: Connection | null = null;
  /** Under way, so that `close` can wait for them. */
  #queries = 0;

  constructor(options: PostgresStoreOptions) {
    this.#options = options;
    this.name = options.url === undefined ? "postgres" : withoutSecrets(options.url);
    this.#schema = checkedSchema(options.schema ?? "onceguard");
    this.#sql = statements(this.#schema);
    this.#dialect = dialectOf(this.#schema, () => options.clock?.() ?? null);
    const maxBatch = options.maxBatch ?? 64;
    // One flush under way, so that what arrives meanwhile shares the next one; two of a crowd, so that neither side waits for the other.
    const maxInFlight = 2;
    this.#claims = new Lane({ flush: (batch) => this.#insert(batch), maxBatch, maxInFlight });
    this.#changes = new Lane({ flush: (batch) => this.#update(batch), maxBatch, maxInFlight });
    this.#finds = new Lane({ flush: (batch) => this.#select(batch), maxBatch, maxInFlight });
    this.#standings = new Lane({ flush: (batch) => this.#selectStanding(batch), maxBatch, maxInFlight });
    this.#appends = new Lane({ flush: (batch) => this.#insertLog(batch), maxBatch });
  }

  async open(): Promise<StoreInfo> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    const { info, connection } = await this.#opening;
    this.#connection = connection;
    return info;
  }

  async #open(): Promise<{ info: StoreInfo; connection: Connection; pool: PostgresPool }> {
    const pool = this.#options.pool ?? (await ownPool(this.#options, this.name));
    const connection = new Connection({
      name: this.name,
      pool,
      prepare: this.#options.prepare ?? true,
      // The own pool gives up a connection that does not answer; one of the user's may not.
      statementTimeoutMs: this.#options.pool ? statementTimeoutMs(this.#options) : null,
    });
    try {
      const schemaVersion = await migratePostgres(connection, this.#schema, this.name);
      const [row] = await connection.query<{ secret: string }>(`SELECT secret FROM ${this.#schema}.secret`, []);
      if (!row) throw unavailable(this.name, "its secret is not there yet", "no");
      return { info: { secret: row.secret, schemaVersion }, connection, pool };
    } catch (error) {
      if (this.#options.pool === undefined) await pool.end?.().catch(() => undefined);
      throw error;
    }
  }

  async claim(request: ClaimRequest, readFirst = false): Promise<ClaimAnswer> {
    const known = readFirst ? await this.#standing(request) : null;
    if (known) return known;
    // The case that is nearly every case, in one statement that shares its commit with others.
    if (isPlain(request)) {
      const created = await this.#claims.push(request);
      if (created) return { kind: "claimed", claim: grantClaim(created, request.ownerToken) };
      // A statement of its own, so that it sees what the conflict was with.
      const exists = await this.#standing(request);
      if (exists) return exists;
    }
    return this.#steps(() => claim(this.#dialect, request));
  }

  /** The record that a claim would meet, and what it would be answered. */
  async #standing(request: ClaimRequest): Promise<ClaimAnswer | null> {
    const { tenant, requestId: id, explicitId, action, runId, ownerToken } = request;
    const found = await this.#standings.push({ tenant, id, explicitId, action, runId });
    if (!found) return null;
    const alreadyOurs = found.ownerToken === ownerToken && found.receipt.version === 1;
    return alreadyOurs
      ? answerFor(found.receipt, ownerToken)
      : { kind: "exists", receipt: found.receipt, halt: found.halt };
  }

  async apply(transition: Transition): Promise<ApplyAnswer> {
    const { from, ownerToken, sends, halts, tells, event } = transition;
    // What looks at other rows, or brings some with it, is a transaction of several statements.
    if (sends || halts !== null || tells !== null || event === "expire")
      return this.#steps(() => apply(this.#dialect, transition));
    const changed = await this.#changes.push(transition);
    if (changed) return applied(changed, transition);
    const found = await this.#finds.push({ tenant: from.tenant, id: from.requestId });
    if (!found) return { kind: "stale", receipt: null };
    const alreadyApplied = found.receipt.version === from.version + 1 && found.ownerToken === ownerToken;
    return alreadyApplied ? applied(found.receipt, transition) : { kind: "stale", receipt: found.receipt };
  }

  async renew(renewals: readonly Renewal[]): Promise<readonly Renewal[]> {
    const sorted = renewals.toSorted(byKey);
    const rows = await this.#rows<{ tenant: string; request_id: string; fencing_token: string }>("renew", [
      sorted.map((one) => one.tenant),
      sorted.map((one) => one.requestId),
      sorted.map((one) => one.fencingToken),
      sorted.map((one) => one.leaseMs),
    ]);
    const renewed = new Set(rows.map((row) => `${row.tenant}\u0000${row.request_id}\u0000${row.fencing_token}`));
    return renewals.filter((one) => !renewed.has(`${one.tenant}\u0000${one.requestId}\u0000${one.fencingToken}`));
  }

  async find(tenant: string, requestId: string): Promise<Receipt | null> {
    return (await this.#finds.push({ tenant, id: requestId }))?.receipt ?? null;
  }

  async due(query: { readonly actions: readonly string[]; readonly limit: number }): Promise<readonly Receipt[]> {
    const rows = await this.#query<ReadRow>(this.#sql.due, [query.actions, query.limit]);
    return rows.map((row) => receiptOf(row, Number(row.now)));
  }

  async list(query: ReceiptQuery): Promise<readonly Receipt[]> {
    const where: string[] = [];
    const values: unknown[] = [];
    const parameter = (value: unknown): string => `$${values.push(value) + 1}`; // $1 is the clock
    if (query.tenant !== undefined) where.push(`r.tenant = ${parameter(query.tenant)}`);
    if (query.action !== undefined) where.push(`r.action = ${parameter(query.action)}`);
    if (query.recordId !== undefined) where.push(`r.record_id = ${parameter(query.recordId)}`);
    if (query.runId !== undefined) where.push(`r.run_id = ${parameter(query.runId)}`);
    if (query.caseId !== undefined) where.push(`r.case_id = ${parameter(query.caseId)}`);
    if (query.keyId !== undefined) where.push(`r.key_id = ${parameter(query.keyId)}`);
    if (query.conflict) where.push("r.conflict");
    if (query.updatedBefore !== undefined) where.push(`r.updated_at < ${parameter(query.updatedBefore)}`);
    if (query.states !== undefined) where.push(`r.state = ANY (${parameter(query.states)}::text[])`);
    if (query.states !== undefined && areAlwaysDue(query.states)) where.push("r.due_at IS NOT NULL");
    if (query.after) {
      const { createdAt, requestId, tenant } = query.after;
      const place = `${parameter(createdAt)}::bigint, ${parameter(requestId)}::text, ${parameter(tenant)}::text`;
      where.push(`(r.created_at, r.request_id, r.tenant) < (${place})`);
    }
    const limit = parameter(query.limit);
    const rows = await this.#query<ReadRow>(listStatement(this.#schema, where, limit, query.order), values);
    return rows.map((row) => receiptOf(row, Number(row.now)));
  }

  async append(entry: NewLogEntry): Promise<void> {
    await this.#appends.push(entry);
  }

  async log(tenant: string, requestId: string): Promise<readonly LogEntry[]> {
    const rows = await this.#run<LogRow>(this.#sql.history, [tenant, requestId]);
    return rows.map(logEntryOf);
  }

  async searchLog(query: LogQuery): Promise<readonly LogEntry[]> {
    return (await this.#ask(searchLogQuery(this.#dialect, query))).map((row) => logEntryOf(row as unknown as LogRow));
  }

  halt(order: HaltOrder): Promise<Halt> {
    return this.#timed((at) => insertHalt(this.#dialect, order, at));
  }

  resume(
    tenant: string,
    scope: HaltScope,
    id: string,
    by: { readonly actor: string; readonly reason: string },
  ): Promise<Halt | null> {
    return this.#timed((at, dialect) => resume(dialect, { tenant, scope, id }, by, at));
  }

  async halts(query: HaltQuery): Promise<readonly Halt[]> {
    return (await this.#ask(listHaltsQuery(this.#dialect, query))).map(haltOf);
  }

  async haltFor(subject: HaltSubject): Promise<Halt | null> {
    return first(await this.#ask(haltForQuery(this.#dialect, subject)), haltOf);
  }

  async findCase(tenant: string, id: string): Promise<StoredCase | null> {
    return first(await this.#ask(findCaseQuery(this.#dialect, tenant, id)), storedCaseOf);
  }

  saveCase(stored: StoredCase): Promise<StoredCase | null> {
    return this.#timed((at) => saveCase(this.#dialect, stored, at));
  }

  takeNotifications(query: Parameters<Store["takeNotifications"]>[0]): Promise<readonly TakenNotification[]> {
    return this.#timed(function* (at, dialect) {
      return takenOf(yield takeNotificationsQuery(dialect, query, at));
    });
  }

  async settleNotification(id: string, againInMs: number | null): Promise<void> {
    await this.#timed(function* (at, dialect) {
      yield settleNotificationQuery(dialect, id, againInMs, at);
    });
  }

  async now(): Promise<number> {
    const [row] = await this.#ask(this.#dialect.clock());
    return Number(row?.now);
  }

  epoch(): Promise<Epoch | null> {
    return this.#timed(function* (at, dialect) {
      return first(yield epochQuery(dialect, at), epochOf);
    });
  }

  startEpoch(order: EpochOrder): Promise<Epoch> {
    return this.#timed((at) => startEpoch(this.#dialect, order, at));
  }

  endEpoch(by: { readonly actor: string; readonly reason: string }): Promise<Epoch | null> {
    return this.#timed(function* (at, dialect) {
      return first(yield endEpochQuery(dialect, by, at), epochOf);
    });
  }

  /** The transaction has a connection of the pool to itself. It is not tried again: the work may not bear it. */
  transact<Answer>(work: (transaction: StoreTransaction) => Promise<Answer>): Promise<Answer> {
    return this.#transaction(async (client, connection) => {
      let isOver = false;
      const ask = async (query: Query): Promise<readonly Row[]> => {
        if (isOver) throw transactionEnded(); // the client serves somebody else by now
        return this.#askIn(client, connection, query);
      };
      try {
        return await work({
          handle: client,
          claim: (request) => runStepsAsync(claim(this.#dialect, request), ask),
          apply: (transition) => runStepsAsync(apply(this.#dialect, transition), ask),
        });
      } finally {
        isOver = true;
      }
    }, 1);
  }

  join(handle: unknown): StoreTransaction {
    const runner = postgresRunner(handle);
    if (runner === null) throw unknownHandle("PostgreSQL", POSTGRES_HANDLES);
    const ask = async (query: Query): Promise<readonly Row[]> => {
      const { text, values } = bound(query);
      return runner.query(text, values);
    };
    const secretQuery = { text: `SELECT secret FROM ${this.#schema}.secret`, values: [] };
    let isOurs = false;
    const within = async <Answer>(steps: Steps<Answer>): Promise<Answer> => {
      const { secret } = await this.open();
      try {
        // Every time: a client that was given back may serve somebody else by now.
        await requireOpenTransaction(runner);
        if (!isOurs) await requireStoreOf(runner, secretQuery, secret, this.name);
        isOurs = true;
        return await runStepsAsync(steps, ask);
      } catch (error) {
        throw joinedError(error, this.name);
      }
    };
    return {
      handle,
      claim: (request) => within(claim(this.#dialect, request)),
      apply: (transition) => within(apply(this.#dialect, transition)),
    };
  }

  #steps<Answer>(steps: () => Steps<Answer>): Promise<Answer> {
    return this.#transaction((client, connection) =>
      runStepsAsync(steps(), (query) => this.#askIn(client, connection, query)),
    );
  }

  /** Steps that need the time. */
  #timed<Answer>(steps: (at: number, dialect: Dialect) => Steps<Answer>): Promise<Answer> {
    const dialect = this.#dialect;
    return this.#steps(function* () {
      return yield* steps(yield* now(dialect), dialect);
    });
  }

  async #transaction<Answer>(
    work: (client: PostgresClient, connection: Connection) => Promise<Answer>,
    tries?: number,
  ): Promise<Answer> {
    this.#queries++;
    try {
      const connection = this.#connection ?? (await this.#connected());
      return await connection.transaction((client) => work(client, connection), tries);
    } finally {
      this.#queries--;
    }
  }

  #askIn(client: PostgresClient, connection: Connection, query: Query): Promise<readonly Row[]> {
    const { text, values } = bound(query);
    return connection.ask<Row>(client, text, values);
  }

  async #ask(query: Query): Promise<readonly Row[]> {
    const { text, values } = bound(query);
    return this.#run<Row>(text, values);
  }

  async close(): Promise<void> {
    // A turn first, and again after each: the next query of a call may be a promise away.
    do await new Promise((turn) => setTimeout(turn, 1));
    while (this.#queries > 0);
    const opening = this.#opening;
    this.#opening = null;
    this.#connection = null;
    const opened = await opening?.catch(() => null);
    if (opened && this.#options.pool === undefined) await opened.pool.end?.();
  }

  /** The batch's new records, null where the request was already there. */
  async #insert(batch: readonly ClaimRequest[]): Promise<(Receipt | null)[]> {
    const sorted = batch.toSorted(byKey);
    const column = <Value>(of: (request: ClaimRequest) => Value): Value[] => sorted.map(of);
    const rows = await this.#rows<{ request_id: string; owner_token: string; now: string }>("claim", [
      column((one) => one.tenant),
      column((one) => one.requestId),
      column((one) => one.explicitId),
      column((one) => one.action),
      column((one) => one.recordId),
      column((one) => one.riskTier),
      column((one) => one.capability),
      column((one) => one.keySource),
      column((one) => one.fingerprint),
      column((one) => one.payload),
      column((one) => one.runId),
      column((one) => one.actor),
      column((one) => one.hostScope),
      column((one) => one.hostCallId),
      column((one) => one.traceId),
      column((one) => one.ownerToken),
      column(({ start }) => (start.state === "running" ? start.leaseMs : 0)),
      column((one) => one.amount),
      column((one) => one.tracked),
    ]);
    const nowOf = new Map(rows.map((row) => [`${row.owner_token} ${row.request_id}`, Number(row.now)]));
    return batch.map((request) => {
      const now = nowOf.get(`${request.ownerToken} ${request.requestId}`);
      return now === undefined ? null : firstReceipt(request, now);
    });
  }

  /** The batch's changed records, null where the record was no longer as the transition expects it. */
  async #update(batch: readonly Transition[]): Promise<(Receipt | null)[]> {
    const order = batch.map((_, n) => n).sort((a, b) => byKey(batch[a]?.from as Receipt, batch[b]?.from as Receipt));
    const column = <Value>(of: (transition: Transition, n: number) => Value): Value[] =>
      order.map((n) => of(batch[n] as Transition, n));
    const rows = await this.#rows<{ n: number; now: string; due_at: string | null }>("apply", [
      column(({ from }) => from.tenant),
      column(({ from }) => from.requestId),
      column(({ from }) => from.version),
      column(({ from }) => from.state),
      column(({ from }) => from.fencingToken),
      column((one) => one.requiresLapse),
      column(({ next }) => next.state),
      column(({ next }) => next.conflict),
      column(({ next }) => next.mayHaveApplied),
      column(({ next }) => next.fencingToken),
      column(({ next }) => next.generation),
      column(({ next }) => next.attemptNumber),
      column((one) => one.ownerToken),
      column(({ next }) => resultColumns(next.result).json),
      column(({ next }) => resultColumns(next.result).omitted),
      column(({ next }) => next.failure && JSON.stringify(next.failure)),
      column(({ next }) => next.evidence),
      column(({ next }) => next.reason),
      column(({ next }) => next.route),
      column(({ next }) => next.hold && JSON.stringify(next.hold)),
      column(({ next }) => next.dispatched),
      column((one) => one.notAfter),
      column(({ next }) => next.dueInMs === KEEP_DUE),
      column(({ next }) => (next.dueInMs === KEEP_DUE ? null : next.dueInMs)),
      column(({ next }) => next.startsGeneration),
      column(({ next }) => next.endsAttempt),
      column((one) => one.event),
      column(({ by }) => by.actor),
      column(({ by }) => by.runId),
      column(({ by }) => by.hostScope),
      column(({ by }) => by.hostCallId),
      column(({ by }) => by.traceId),
      column(({ by }) => by.cause),
      column((one) => one.before),
      column((one) => one.after),
      column((one) => one.detail),
      column((_, n) => n),
    ]);
    const changed: (Receipt | null)[] = batch.map(() => null);
    for (const row of rows) {
      const receipt = advance(batch[row.n] as Transition, Number(row.now));
      changed[row.n] = { ...receipt, dueAt: row.due_at === null ? null : Number(row.due_at) };
    }
    return changed;
  }

  async #select(batch: readonly Key[]): Promise<(Found | null)[]> {
    const rows = await this.#rows<ReadRow & { n: number }>("find", [
      batch.map((key) => key.tenant),
      batch.map((key) => key.id),
      batch.map((_, n) => n),
    ]);
    const found: (Found | null)[] = batch.map(() => null);
    for (const row of rows) {
      found[row.n] = { receipt: receiptOf(row, Number(row.now)), ownerToken: row.owner_token, halt: null };
    }
    return found;
  }

  async #selectStanding(batch: readonly ClaimKey[]): Promise<(Found | null)[]> {
    const rows = await this.#rows<ReadRow & { n: number; halt: Row | null }>("standing", [
      batch.map((key) => key.tenant),
      batch.map((key) => key.id),
      batch.map((key) => key.explicitId),
      batch.map((key) => key.action),
      batch.map((key) => key.runId),
      batch.map((_, n) => n),
    ]);
    const found: (Found | null)[] = batch.map(() => null);
    for (const row of rows) {
      const halt = row.halt && haltOf(row.halt);
      found[row.n] = { receipt: receiptOf(row, Number(row.now)), ownerToken: row.owner_token, halt };
    }
    return found;
  }

  async #insertLog(batch: readonly NewLogEntry[]): Promise<undefined[]> {
    const rows = batch.map(logValues);
    await this.#rows(
      "append",
      LOG_COLUMNS.map((_, n) => rows.map((row) => row[n])),
    );
    return batch.map(() => undefined);
  }

  /** A statement over rows, given as columns: as plain parameters for a lone row, as arrays for several. */
  #rows<Row>(name: keyof RowStatements, columns: readonly (readonly unknown[])[]): Promise<Row[]> {
    const count = columns[0]?.length ?? 0;
    return count === 1
      ? this.#query<Row>(
          this.#sql.one[name],
          columns.map((column) => column[0]),
        )
      : this.#query<Row>(this.#sql.many[name], [count, ...columns]);
  }

  /** With the clock in front, as every statement but `history` takes it. */
  #query<Row>(text: string, values: unknown[]): Promise<Row[]> {
    return this.#run<Row>(text, [this.#options.clock?.() ?? null, ...values]);
  }

  async #run<Row>(text: string, values: unknown[]): Promise<Row[]> {
    this.#queries++;
    try {
      const connection = this.#connection ?? (await this.#connected());
      return await connection.query<Row>(text, values);
    } finally {
      this.#queries--;
    }
  }

  async #connected(): Promise<Connection> {
    await this.open();
    return this.#connection as Connection;
  }
}

interface Key {
  readonly tenant: string;
  readonly id: string;
}

interface Found {
  readonly receipt: Receipt;
  readonly ownerToken: string;
  readonly halt: Halt | null;
}

interface ClaimKey extends Key {
  readonly explicitId: string | null;
  readonly action: string;
  readonly runId: string | null;
}

type ReadRow = ReceiptRow & { readonly now: string };

/** All that the one statement writes. */
function isPlain({ gate, start, caseId, expected, keyId, serialized }: ClaimRequest): boolean {
  const isBare = caseId === null && expected === null && keyId === null && !serialized;
  return gate === null && start.state === "running" && isBare;
}

function first<Value>(rows: readonly Row[], of: (row: Row) => Value): Value | null {
  return rows[0] ? of(rows[0]) : null;
}

/** One order for all batches: two of them never wait for each other crosswise. */
function byKey(
  a: { readonly tenant: string; readonly requestId: string },
  b: { readonly tenant: string; readonly requestId: string },
): number {
  if (a.requestId !== b.requestId) return a.requestId < b.requestId ? -1 : 1;
  return a.tenant < b.tenant ? -1 : a.tenant > b.tenant ? 1 : 0;
}
