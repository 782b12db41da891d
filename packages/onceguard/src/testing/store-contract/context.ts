import type { Store } from "../../core/ports.ts";

/** One empty store, and what the contract needs to know about its surroundings. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Lets that much time pass on the store's clock: moves it, or sleeps where it cannot be moved. */
  advance(ms: number): void | Promise<void>;
  /** Another store on the same data, as another process would open it. Absent where nothing outlives the store. */
  reopen?(): Store | Promise<Store>;
  /** Begins a transaction as a caller does who gives it to `join`. Absent where the store has no `join`. */
  begin?(): CallersTransaction | Promise<CallersTransaction>;
  /** Closes what was opened and removes the data. */
  cleanup?(): void | Promise<void>;
}

/** A transaction that is not the store's. */
export interface CallersTransaction {
  /** What `join` takes. */
  readonly handle: unknown;
  commit(): void | Promise<void>;
  rollback(): void | Promise<void>;
}

/** One rule of the store contract, as a test of any runner can run it. */
export interface StoreContractCase {
  readonly name: string;
  run(context: StoreUnderTest): Promise<void>;
}

/** The same store once more, or itself where its data cannot be opened twice. */
export async function another({ store, reopen }: StoreUnderTest): Promise<Store> {
  return (await reopen?.()) ?? store;
}
