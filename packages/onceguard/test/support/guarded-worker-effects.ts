import type { DatabaseSync } from "node:sqlite";

// The outside world of an action with `transaction: true` is a table beside the receipts. It knows nothing of Onceguard,
// and nothing in it would stop a second row for the same reference.

const INSERT = "INSERT INTO app_effect (reference, amount) VALUES";

/** Writes one effect through `ctx.tx`. */
export async function insertEffect(tx: unknown, reference: string, amount: number): Promise<number> {
  const parameters = [reference, amount] as const;
  if (isSqlite(tx)) {
    const row = tx.prepare(`${INSERT} (?, ?) RETURNING number`).get(...parameters) as { number: number };
    return row.number;
  }
  const client = tx as { query(text: string, values: readonly unknown[]): Promise<{ rows: { number: number }[] }> };
  const { rows } = await client.query(`${INSERT} ($1, $2) RETURNING number`, parameters);
  return (rows[0] as { number: number }).number;
}

function isSqlite(tx: unknown): tx is DatabaseSync {
  return typeof (tx as { prepare?: unknown }).prepare === "function";
}
