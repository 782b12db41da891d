import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreAddress } from "./guarded-worker.ts";
import { createDatabase, dropDatabase } from "./postgres.ts";

/** The durable stores. */
export const STORE_KINDS = ["sqlite", "postgres"] as const;

export type StoreKind = (typeof STORE_KINDS)[number];

/** A fresh, empty place for receipts that processes can share. */
export async function createStore(kind: StoreKind): Promise<{ address: StoreAddress; remove(): Promise<void> }> {
  if (kind === "postgres") {
    const url = await createDatabase();
    return { address: { kind, url }, remove: () => dropDatabase(url) };
  }
  const dir = mkdtempSync(join(tmpdir(), "onceguard-store-"));
  const remove = async () => rmSync(dir, { recursive: true, force: true });
  return { address: { kind, path: join(dir, "onceguard.db") }, remove };
}
