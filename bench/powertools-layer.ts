import {
  IdempotencyItemAlreadyExistsError,
  IdempotencyItemNotFoundError,
  IdempotencyRecordStatus,
} from "@aws-lambda-powertools/idempotency";
import { BasePersistenceLayer, IdempotencyRecord } from "@aws-lambda-powertools/idempotency/persistence";
import type pg from "pg";

/** What the layer keeps its records in. */
export const POWERTOOLS_TABLE =
  "CREATE TABLE idempotency (id text PRIMARY KEY, expiry bigint, in_progress_expiry bigint, status text, data text, validation text)";

interface Row {
  readonly id: string;
  readonly expiry: string;
  readonly in_progress_expiry: string | null;
  readonly status: string;
  readonly data: string | null;
  readonly validation: string | null;
}

/**
 * "Bring your own persistent store": the four methods, with the condition of the DynamoDB layer, which is that there is no
 * record, or an expired one, or one in progress whose time is over.
 * https://docs.aws.amazon.com/powertools/typescript/latest/features/idempotency/#bring-your-own-persistent-store
 */
export class PostgresPersistenceLayer extends BasePersistenceLayer {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    super();
    this.#pool = pool;
  }

  protected async _putRecord(record: IdempotencyRecord): Promise<void> {
    const now = Date.now();
    const { rowCount } = await this.#pool.query({
      name: "put",
      text: `INSERT INTO idempotency AS old (id, expiry, in_progress_expiry, status, validation) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE SET expiry = excluded.expiry, in_progress_expiry = excluded.in_progress_expiry,
  status = excluded.status, validation = excluded.validation, data = NULL
WHERE old.expiry < $6 OR (old.status = 'INPROGRESS' AND old.in_progress_expiry < $7)`,
      values: [
        record.idempotencyKey,
        record.expiryTimestamp,
        record.inProgressExpiryTimestamp ?? null,
        record.getStatus(),
        record.payloadHash ?? null,
        Math.floor(now / 1_000),
        now,
      ],
    });
    if (rowCount !== 0) return;
    const existing = await this._getRecord(record.idempotencyKey);
    throw new IdempotencyItemAlreadyExistsError(`There is one for ${record.idempotencyKey}`, existing);
  }

  protected async _getRecord(idempotencyKey: string): Promise<IdempotencyRecord> {
    const { rows } = await this.#pool.query<Row>({
      name: "get",
      text: "SELECT * FROM idempotency WHERE id = $1",
      values: [idempotencyKey],
    });
    const [row] = rows;
    if (!row) throw new IdempotencyItemNotFoundError();
    return new IdempotencyRecord({
      idempotencyKey,
      status: row.status as IdempotencyRecord["status"],
      expiryTimestamp: Number(row.expiry),
      ...(row.in_progress_expiry !== null && { inProgressExpiryTimestamp: Number(row.in_progress_expiry) }),
      ...(row.data !== null && { responseData: JSON.parse(row.data) }),
      ...(row.validation !== null && { payloadHash: row.validation }),
    });
  }

  protected async _updateRecord(record: IdempotencyRecord): Promise<void> {
    await this.#pool.query({
      name: "update",
      text: "UPDATE idempotency SET expiry = $2, status = $3, data = $4 WHERE id = $1",
      values: [
        record.idempotencyKey,
        record.expiryTimestamp,
        IdempotencyRecordStatus.COMPLETED,
        JSON.stringify(record.responseData ?? null),
      ],
    });
  }

  protected async _deleteRecord(record: IdempotencyRecord): Promise<void> {
    await this.#pool.query("DELETE FROM idempotency WHERE id = $1", [record.idempotencyKey]);
  }
}
