import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FlakyWorld } from "../support/flaky-world.ts";
import { type Payment, type StoreAddress, startWorker, type Worker } from "../support/guarded-worker.ts";
import { createStore, type StoreKind } from "../support/test-stores.ts";
import type { Work } from "./carry-on.ts";
import { createEffectTable } from "./effect-table.ts";
import { type Cell, COLUMN_NAMES, COLUMNS, DEATHS, ROWS, type Row } from "./matrix-rows.ts";
import { type StoreOpener, storeOpener } from "./store-opener.ts";

/** For what only a machine that is too busy would take. */
export const LONG = "60s";

/** One store with its world, and what a cell is there. */
export interface Bench {
  readonly kind: StoreKind;
  readonly address: StoreAddress;
  readonly world: FlakyWorld;
  readonly opener: StoreOpener;
  /** A folder for spilled outcomes. */
  readonly spills: string;
  /** Another process, which has seen nothing. */
  readonly witness: Worker;
  /** The ledgers: what has happened for this reference, in the cell's world. */
  effects(cell: Cell, reference: string): Promise<readonly { readonly number: number }[]>;
  /** Everything that has happened. */
  references(): Promise<readonly string[]>;
  /** Tells the world what it has to do. */
  plan(cell: Cell, reference: string): Promise<void>;
  /** What everybody has to do for it; without any waiting. */
  work(cell: Cell, reference: string): Work;
  close(): Promise<void>;
}

export async function openBench(kind: StoreKind, world: FlakyWorld): Promise<Bench> {
  const store = await createStore(kind);
  const { address } = store;
  const opener = storeOpener(address);
  const table = await createEffectTable(address);
  const spills = mkdtempSync(join(tmpdir(), "onceguard-matrix-"));
  const witness = await startWorker({ store: address, world: world.port, storeTimeout: LONG });

  const effects: Bench["effects"] = async ({ column }, reference) => {
    if (column !== "transaction") return world.effects(reference);
    return (await table.effects()).filter((effect) => effect.reference === reference);
  };
  return {
    kind,
    address,
    world,
    opener,
    spills,
    witness,
    effects,
    references: async () => {
      const all = [...world.effects(), ...(await table.effects())].map(({ reference }) => reference);
      return all.filter((reference) => reference.startsWith(`${kind}-`));
    },
    plan: async ({ given }, reference) => {
      if (given.fault) await world.plan(reference, given.fault);
      if (given.hidden) await world.hide(reference, given.hidden);
    },
    work: (cell, reference) => ({
      action: COLUMNS[cell.column],
      payment: paymentOf(cell, reference),
      look: async () => (await effects(cell, reference))[0] ?? null,
      otherwise: cell.row.decision ?? (isEven(cell) ? "did_not_happen" : "retry"),
      sweepFirst: null,
      later: () => {
        throw new Error("it has to be settled without waiting");
      },
      onError: (error) => {
        throw error;
      },
      beforeAsking: async () => undefined,
    }),
    close: async () => {
      await witness.stop();
      await table.close();
      await opener.close();
      await store.remove();
      rmSync(spills, { recursive: true });
    },
  };
}

/** How the requests of a row begin. */
export function prefixOf({ kind }: Bench, row: Row): string {
  return `${kind}-${ROWS.indexOf(row)}-`;
}

export function referenceOf(bench: Bench, { row, column, death }: Cell): string {
  return `${prefixOf(bench, row)}${COLUMN_NAMES.indexOf(column)}-${death.replaceAll(" ", "_")}`;
}

export function paymentOf({ given }: Cell, reference: string): Payment {
  const { held, failing } = given;
  return { reference, amount: 500, ...(held && { held }), ...(failing !== undefined && { failing }) };
}

/** Half of the cells, evenly among columns and deaths. */
export function isEven({ row, column, death }: Cell): boolean {
  return (ROWS.indexOf(row) + COLUMN_NAMES.indexOf(column) + DEATHS.indexOf(death)) % 2 === 0;
}
