import type pg from "pg";

/** What `sql.unsafe` of postgres.js gives: it runs when somebody waits for it, and then is the rows. */
export interface PendingQuery extends PromiseLike<Record<string, unknown>[]> {
  values(): Promise<unknown[][]>;
}

/** The `sql` of postgres.js, of a pool or of a transaction: a function with members. */
export interface SqlLike {
  (): never;
  unsafe(text: string, values?: unknown[]): PendingQuery;
  begin?(work: (sql: SqlLike) => Promise<void>): Promise<void>;
  savepoint?(work: (sql: SqlLike) => Promise<void>): Promise<void>;
}

/**
 * postgres.js as raw SQL meets it, on a pool of `pg`; after the source of 3.4.9. A transaction in which one statement
 * failed is rolled back at its end, also if the error was caught. `camel` is its option `transform: postgres.camel`.
 */
export function postgresJsLike(pool: pg.Pool, { camel = false } = {}): SqlLike & Required<Pick<SqlLike, "begin">> {
  const nameOf = (column: string) => (camel ? column.replace(/_(.)/g, (_, letter) => letter.toUpperCase()) : column);

  const scope = (client: pg.Pool | pg.PoolClient, failed: (error: unknown) => void): SqlLike => {
    const unsafe = (text: string, values: unknown[] = []): PendingQuery => {
      const run = async () => {
        try {
          return await client.query<unknown[]>({ text, values, rowMode: "array" });
        } catch (error) {
          failed(error);
          throw error;
        }
      };
      const rows = async () => {
        const answer = await run();
        const names = answer.fields.map(({ name }) => nameOf(name));
        return answer.rows.map((row) => Object.fromEntries(names.map((name, n) => [name, row[n]])));
      };
      return {
        // biome-ignore lint/suspicious/noThenProperty: it is what a PendingQuery has
        then: (done, broken) => rows().then(done, broken),
        values: async () => (await run()).rows,
      };
    };
    const sql = (): never => {
      throw new Error("the tagged template is not part of this");
    };
    return Object.assign(sql, { unsafe });
  };

  const begin = async (work: (sql: SqlLike) => Promise<void>): Promise<void> => {
    const client = await pool.connect();
    let failure: { error: unknown } | undefined;
    const sql = scope(client, (error) => {
      failure ??= { error };
    });
    const savepoint = async () => {
      throw new Error("savepoints are not part of this");
    };
    try {
      await client.query("BEGIN");
      await work(Object.assign(sql, { savepoint }));
      if (failure) throw failure.error;
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    } finally {
      client.release();
    }
  };

  return Object.assign(
    scope(pool, () => {}),
    { begin },
  );
}
