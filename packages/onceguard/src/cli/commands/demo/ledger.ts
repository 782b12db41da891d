import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Payment } from "./payment.ts";

/** One payment that was made. The names are those of the file. */
export interface LedgerEntry extends Payment {
  readonly account: string;
  readonly idempotency_key: string | null;
  readonly note: string;
  readonly at: string;
}

export interface Ledger {
  /** Returns once the entry is on the disk. */
  append(entry: LedgerEntry): void;
  close(): void;
}

/** The provider's book: JSON lines, only ever appended to. What stands in it has happened, and nothing else has. */
export function openLedger(path: string): Ledger {
  const file = openSync(path, "a", 0o600);
  return {
    append: (entry) => {
      writeSync(file, `${JSON.stringify(entry)}\n`);
      fsyncSync(file);
    },
    close: () => closeSync(file),
  };
}

/** Reads the file itself rather than asking the provider: the judge takes nobody's word for what happened. */
export function readLedger(path: string): readonly LedgerEntry[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as LedgerEntry);
}
