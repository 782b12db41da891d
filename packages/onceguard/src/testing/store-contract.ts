import { actionLog } from "./store-contract/action-log.ts";
import { applying } from "./store-contract/applying.ts";
import { budgets } from "./store-contract/budgets.ts";
import { cases } from "./store-contract/cases.ts";
import { claiming } from "./store-contract/claiming.ts";
import type { StoreContractCase, StoreUnderTest } from "./store-contract/context.ts";
import { dueCases } from "./store-contract/due.ts";
import { epochs } from "./store-contract/epochs.ts";
import { everyRow } from "./store-contract/every-row.ts";
import { finding } from "./store-contract/finding.ts";
import { halting } from "./store-contract/halting.ts";
import { loopFilter } from "./store-contract/loop-filter.ts";
import { notifying } from "./store-contract/notifying.ts";
import { opening } from "./store-contract/opening.ts";
import { renewing } from "./store-contract/renewing.ts";
import { starting } from "./store-contract/starting.ts";
import { transacting } from "./store-contract/transacting.ts";
import { turns } from "./store-contract/turns.ts";
import { underLoad } from "./store-contract/under-load.ts";
import { values } from "./store-contract/values.ts";

export type { CallersTransaction, StoreContractCase, StoreUnderTest } from "./store-contract/context.ts";

/** What every store must do, case by case. Each wants an empty store of its own. */
export const storeContractCases: readonly StoreContractCase[] = [
  ...opening,
  ...claiming,
  ...starting,
  ...applying,
  ...everyRow,
  ...renewing,
  ...finding,
  ...dueCases,
  ...halting,
  ...loopFilter,
  ...budgets,
  ...turns,
  ...epochs,
  ...cases,
  ...notifying,
  ...transacting,
  ...actionLog,
  ...values,
  ...underLoad,
];

/**
 * Checks a store against the contract of the `Store` port, with any test runner:
 *
 *     storeContract({ test, makeStore: () => ({ store: myStore(), advance: (ms) => sleep(ms), cleanup: () => drop() }) });
 */
export function storeContract(options: {
  /** Registers one test, as `test` of vitest, node:test, jest and others does. */
  readonly test: (name: string, run: () => Promise<void>) => unknown;
  readonly makeStore: () => StoreUnderTest | Promise<StoreUnderTest>;
}): void {
  for (const { name, run } of storeContractCases) {
    options.test(name, async () => {
      const context = await options.makeStore();
      try {
        await run(context);
      } finally {
        await context.cleanup?.();
      }
    });
  }
}
