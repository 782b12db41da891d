import {
  IdempotencyConfig,
  IdempotencyItemAlreadyExistsError,
  IdempotencyItemNotFoundError,
  IdempotencyRecordStatus,
  makeIdempotent,
} from "@aws-lambda-powertools/idempotency";
import { BasePersistenceLayer, IdempotencyRecord } from "@aws-lambda-powertools/idempotency/persistence";
import type { Context } from "aws-lambda";
import pg from "pg";
import type { Contender, Intent } from "../contender.ts";
import { isRefusal } from "../http-error.ts";
import { keyed, LATER, LEASE_SECONDS, poolOf, versionOf } from "./engine/engine.ts";

/**
 * "Bring your own persistent store": the four methods, with the condition of the DynamoDB layer, which is that there is no
 * record, or an expired one, or one in progress whose time is over.
 * https://docs.aws.amazon.com/powertools/typescript/latest/features/idempotency/#bring-your-own-persistent-store
 */
class PostgresPersistenceLayer extends BasePersistenceLayer {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    super();
    this.#pool = pool;
  }

  protected async _putRecord(record: IdempotencyRecord): Promise<void> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO idempotency (id, status, expiration, in_progress_expiration) VALUES ($1, $2, $3, $4)
       ON CONFLICT (id) DO UPDATE SET status = $2, expiration = $3, in_progress_expiration = $4, data = NULL
       WHERE idempotency.expiration < $5::bigint / 1000
          OR (idempotency.status = 'INPROGRESS' AND idempotency.in_progress_expiration < $5)`,
      [
        record.idempotencyKey,
        record.getStatus(),
        record.expiryTimestamp,
        record.inProgressExpiryTimestamp ?? null,
        Date.now(),
      ],
    );
    if (rowCount === 0) throw new IdempotencyItemAlreadyExistsError("already there");
  }

  protected async _getRecord(id: string): Promise<IdempotencyRecord> {
    const { rows } = await this.#pool.query("SELECT * FROM idempotency WHERE id = $1", [id]);
    if (!rows[0]) throw new IdempotencyItemNotFoundError();
    return new IdempotencyRecord({
      idempotencyKey: id,
      status: rows[0].status,
      expiryTimestamp: Number(rows[0].expiration),
      inProgressExpiryTimestamp: Number(rows[0].in_progress_expiration),
      responseData: rows[0].data,
    });
  }

  protected async _updateRecord(record: IdempotencyRecord): Promise<void> {
    await this.#pool.query("UPDATE idempotency SET status = $2, expiration = $3, data = $4 WHERE id = $1", [
      record.idempotencyKey,
      IdempotencyRecordStatus.COMPLETED,
      record.expiryTimestamp,
      JSON.stringify(record.responseData),
    ]);
  }

  protected async _deleteRecord(record: IdempotencyRecord): Promise<void> {
    await this.#pool.query("DELETE FROM idempotency WHERE id = $1", [record.idempotencyKey]);
  }
}

const powertools: Contender = {
  name: "Powertools",
  version: versionOf("@aws-lambda-powertools/idempotency"),
  advice: "https://docs.aws.amazon.com/powertools/typescript/latest/features/idempotency/",
  needs: ["postgres"],

  prepare: async ({ postgres }) => {
    const client = new pg.Client({ connectionString: postgres });
    await client.connect();
    await client.query(
      "CREATE TABLE idempotency (id text PRIMARY KEY, status text, expiration bigint, in_progress_expiration bigint, data jsonb)",
    );
    await client.end();
  },

  start: async (world, { postgres }) => {
    const pool = poolOf(postgres);
    // "eventKeyJmesPath": what is stable over retries, and never the whole event.
    const config = new IdempotencyConfig({ eventKeyJmesPath: "id", throwOnNoIdempotencyKey: true });
    // A provider's key is not its advice; giving one costs nothing and is what its users can do.
    const handler = makeIdempotent(
      async (intent: Intent, _context: Context) => ({ ...(await world.act(intent, keyed(world, intent.id))) }),
      { persistenceStore: new PostgresPersistenceLayer(pool), config },
    );
    return {
      perform: async (intent) => {
        // The Lambda context says when a run that was cut off may be repeated: the timeout of the function.
        const deadline = Date.now() + LEASE_SECONDS * 1_000;
        const context = { getRemainingTimeInMillis: () => deadline - Date.now() } as Context;
        try {
          return { said: "done", result: await handler(intent, context) };
        } catch (error) {
          if (isRefusal(error)) return { said: "failed", why: error.message };
          if (error instanceof Error && error.name === "IdempotencyAlreadyInProgressError") return LATER;
          throw error;
        }
      },
      close: () => pool.end(),
    };
  },
};

export default powertools;
