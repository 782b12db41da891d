import type pg from "pg";

/** The part of a transaction's Prisma client that raw SQL goes through. */
export interface PrismaTransactionLike {
  $queryRawUnsafe(text: string, ...values: unknown[]): Promise<Record<string, unknown>[]>;
}

/** The two ways Prisma speaks to PostgreSQL. */
export type PrismaEngine = "driver adapter" | "native engine";

/**
 * Prisma as raw SQL meets it, on a pool of `pg` (the real one has to generate a client, and up to version 6 downloads an
 * engine). After the source of 6.19 and 7.10: promises that run when somebody waits for them, parameters as JSON, types
 * of placeholders from the values (native engine), BigInt for int8, errors of its own around the SQLSTATE, no
 * `$connect` in a transaction but a `$transaction` (since 7).
 */
export function prismaLike(pool: pg.Pool, engine: PrismaEngine) {
  const raw = (client: pg.Pool | pg.PoolClient, isClosed: () => boolean) => ({
    $queryRawUnsafe: (text: string, ...values: unknown[]) =>
      lazy(async () => {
        if (isClosed()) throw prismaError("P2028", "Transaction already closed", {});
        const json = JSON.parse(JSON.stringify(values)) as unknown[];
        const typed = engine === "native engine" ? withTypes(text, json) : text;
        try {
          const { fields, rows } = await client.query<unknown[]>({ text: typed, values: json, rowMode: "array" });
          return rows.map((row) =>
            Object.fromEntries(fields.map(({ name, dataTypeID }, n) => [name, fromDatabase(dataTypeID, row[n])])),
          );
        } catch (error) {
          throw rawError(engine, error as { code: string; message: string });
        }
      }),
  });
  const $transaction = async (work: (tx: PrismaTransactionLike) => Promise<void>): Promise<void> => {
    const client = await pool.connect();
    let closed = false;
    const tx = { ...raw(client, () => closed), ...(engine === "driver adapter" ? { $transaction } : {}) };
    try {
      await client.query("BEGIN");
      await work(tx as PrismaTransactionLike);
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    } finally {
      closed = true;
      client.release();
    }
  };
  return { ...raw(pool, () => false), $transaction, $connect: async () => {}, $disconnect: async () => {} };
}

/** The native engine tells the server the types of placeholders: what the values look like, not what the text needs. */
function withTypes(text: string, values: readonly unknown[]): string {
  return text.replace(/\$(\d+)/g, (placeholder, n) => {
    const value = values[Number(n) - 1];
    if (typeof value === "string") return `(${placeholder}::text)`;
    if (typeof value === "boolean") return `(${placeholder}::boolean)`;
    if (typeof value === "number" && !Number.isInteger(value)) return `(${placeholder}::double precision)`;
    if (typeof value === "number" && Math.abs(value) > 2 ** 31 - 1) return `(${placeholder}::bigint)`;
    return `(${placeholder}::integer)`; // null too
  });
}

const INT8 = 20;

function fromDatabase(type: number, value: unknown): unknown {
  return type === INT8 && value !== null ? BigInt(value as string) : value;
}

function rawError(engine: PrismaEngine, { code, message }: { code: string; message: string }): Error {
  const text = `Raw query failed. Code: \`${code}\`. Message: \`${message}\``;
  if (engine === "native engine") return prismaError("P2010", text, { code, message });
  const cause = { kind: "postgres", code, originalCode: code, originalMessage: message };
  return prismaError("P2010", text, { driverAdapterError: Object.assign(new Error("postgres"), { cause }) });
}

function prismaError(code: string, message: string, meta: Record<string, unknown>): Error {
  return Object.assign(new Error(message), { name: "PrismaClientKnownRequestError", code, meta });
}

/** Like a PrismaPromise: nothing happens before somebody waits for it. */
function lazy<Answer>(run: () => Promise<Answer>): Promise<Answer> {
  let running: Promise<Answer> | undefined;
  const start = () => {
    running ??= run();
    return running;
  };
  return {
    // biome-ignore lint/suspicious/noThenProperty: it is what a PrismaPromise has
    then: (done, failed) => start().then(done, failed),
    catch: (failed) => start().catch(failed),
    finally: (done) => start().finally(done),
    [Symbol.toStringTag]: "PrismaPromise",
  };
}
