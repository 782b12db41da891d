import { createHash } from "node:crypto";
import { OnceguardError } from "../../core/errors.ts";
import { isLostStatement, isSerializationFailure, storeError, unavailable } from "./postgres-errors.ts";

/** What the store needs of a pool, by shape: `pg.Pool` and its look-alikes. */
export interface PostgresPool {
  query(
    query: { text: string; values?: unknown[]; name?: string } | string,
  ): Promise<{ rows: unknown[]; rowCount?: number | null }>;
  /** One connection of its own, for a transaction. */
  connect(): Promise<PostgresClient>;
  end?(): Promise<void>;
  on?(event: "error", listener: (error: Error) => void): unknown;
}

/** One connection, by shape: `pg.PoolClient`. */
export interface PostgresClient {
  query(
    query: { text: string; values?: unknown[] } | string,
  ): Promise<{ rows: unknown[]; rowCount?: number | null; command?: string }>;
  release(destroy?: boolean | Error): void;
  on?(event: "error", listener: (error: Error) => void): unknown;
  removeListener?(event: "error", listener: (error: Error) => void): unknown;
}

export interface ConnectionOptions {
  readonly name: string;
  readonly pool: PostgresPool;
  readonly prepare: boolean;
  /** Longest wait for an answer; null where the pool itself gives up what takes too long. */
  readonly statementTimeoutMs: number | null;
}

/** How often a statement that lost against another one is tried again before the caller hears of it. */
const SERIALIZATION_TRIES = 10;

/** Runs statements on a pool, and says what their failures mean. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #names = new Map<string, string>();
  #prepare: boolean;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#prepare = options.prepare;
  }

  /** @throws OnceguardError `store_unavailable` | `store_unusable`, or PostgreSQL's own error for the statement. */
  async query<Row>(text: string, values: unknown[]): Promise<Row[]> {
    for (let tries = 1; ; tries++) {
      const prepared = this.#prepare;
      try {
        const { rows } = await this.#inTime(this.#options.pool.query(this.#statement(text, values)));
        return rows as Row[];
      } catch (error) {
        if (prepared && isLostStatement(error)) {
          // A pooler without support for prepared statements: the statement did not run, and plain ones will. Others
          // that were under way by name at this moment come here too.
          this.#prepare = false;
        } else if (!isSerializationFailure(error) || tries >= SERIALIZATION_TRIES) {
          throw storeError(error, this.#options.name);
        } else {
          await new Promise((again) => setTimeout(again, Math.random() * 2 ** tries));
        }
      }
    }
  }

  /** Several statements as one implicit transaction (simple protocol, no parameters). */
  async script(text: string): Promise<void> {
    try {
      await this.#inTime(this.#options.pool.query(text));
    } catch (error) {
      throw storeError(error, this.#options.name);
    }
  }

  /**
   * Runs `work` in one transaction; when PostgreSQL gives it up for another one, the whole of it again. Without names
   * for its statements: behind a pooler the next transaction may have another server connection.
   *
   * @throws OnceguardError `store_unavailable`, with `applied: "unknown"` when the answer to COMMIT was lost; whatever
   *   `work` throws, after the rollback.
   */
  async transaction<Answer>(
    work: (client: PostgresClient) => Promise<Answer>,
    tries: number = SERIALIZATION_TRIES,
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#transaction(work);
      } catch (error) {
        if (!isSerializationFailure(error)) throw error;
        if (attempt >= tries) throw storeError(error, this.#options.name);
        await new Promise((again) => setTimeout(again, Math.random() * 2 ** attempt));
      }
    }
  }

  async #transaction<Answer>(work: (client: PostgresClient) => Promise<Answer>): Promise<Answer> {
    const client = await this.#store(this.#options.pool.connect());
    // A connection that breaks between two of our statements would otherwise end the process.
    const ignored = (): void => undefined;
    client.on?.("error", ignored);
    let broken = true;
    try {
      await this.#store(client.query("BEGIN ISOLATION LEVEL READ COMMITTED"));
      let answer: Answer;
      try {
        answer = await work(client);
      } catch (error) {
        // Undone either way: by this, or because the connection is not given back.
        broken = await this.#inTime(client.query("ROLLBACK")).then(
          () => false,
          () => true,
        );
        throw error;
      }
      const { command } = await this.#store(client.query("COMMIT"));
      broken = false;
      // PostgreSQL's answer to COMMIT where a statement had failed, and whoever asked for it went on regardless.
      if (command === "ROLLBACK") throw undone(this.#options.name);
      return answer;
    } finally {
      client.removeListener?.("error", ignored);
      // What is in the middle of a transaction must not be given to anybody else.
      client.release(broken);
    }
  }

  /** One statement of a transaction. */
  async ask<Row>(client: PostgresClient, text: string, values: unknown[]): Promise<Row[]> {
    return (await this.#store(client.query({ text, values }))).rows as Row[];
  }

  /** An answer in time, or what its failure means to the guard. */
  async #store<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await this.#inTime(answer);
    } catch (error) {
      // Not yet its last word: the whole transaction is tried again.
      throw isSerializationFailure(error) ? error : storeError(error, this.#options.name);
    }
  }

  #statement(text: string, values: unknown[]): { text: string; values: unknown[]; name?: string } {
    return this.#prepare ? { text, values, name: this.#nameOf(text) } : { text, values };
  }

  /** The name says which text: two versions of Onceguard behind one pooler never run each other's statements. */
  #nameOf(text: string): string {
    const known = this.#names.get(text);
    if (known) return known;
    const name = `onceguard_${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
    this.#names.set(text, name);
    return name;
  }

  /** A connection that swallows everything must not hold a caller for ever; what it did stays unknown. */
  async #inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const { statementTimeoutMs, name } = this.#options;
    if (statementTimeoutMs === null) return answer;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(unavailable(name, `no answer within ${statementTimeoutMs} ms`, "unknown")),
        statementTimeoutMs,
      );
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
      answer.catch(() => undefined);
    }
  }
}

function undone(store: string): OnceguardError {
  return new OnceguardError(
    "store_unavailable",
    `The store ${store} has undone the transaction: a statement in it had failed. Catch such an error only around a savepoint.`,
    { store, applied: "no" },
  );
}

/** A schema name that needs no quoting is all that is allowed; it is part of the statements' text. */
export function checkedSchema(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return `"${schema}"`;
  throw new OnceguardError(
    "invalid_option",
    `schema is ${JSON.stringify(schema)}; use lower-case letters, digits and _.`,
    {
      option: "schema",
    },
  );
}
