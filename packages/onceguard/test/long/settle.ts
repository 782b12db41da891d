import { setTimeout as sleep } from "node:timers/promises";
import type { Receipt } from "../../src/core/receipt.ts";
import { createGuard, type Store } from "../../src/index.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";
import { longRunActions } from "./actions.ts";
import { recordingCaller } from "./caller.ts";
import { WITNESS } from "./evidence.ts";
import { type Call, LifeReader } from "./history.ts";

export interface Settled {
  readonly receipts: readonly Receipt[];
  /** What a witness was told in the end, about every single request. */
  readonly calls: readonly Call[];
}

const MOVING = ["running", "retry_wait", "in_doubt"] as const;
const PATIENCE_MS = 120_000;
const WITNESSES = 16;

/**
 * What a surviving process does: records what the dead have spilled, takes every step that is left to a machine, and then
 * asks for all of it once more. Nobody decides anything; what only a person can tell stays in review.
 */
export async function settle(options: {
  readonly store: StoreAddress;
  readonly world: number;
  readonly spills: readonly string[];
}): Promise<Settled> {
  const open = (spill: string | false) =>
    createGuard({
      store: openStore(options.store),
      actions: longRunActions(options.world),
      sweepEvery: false,
      lease: "10s",
      spill,
    });
  for (const spill of options.spills) {
    const heir = open(spill);
    await heir.reconcile();
    await heir.close();
  }
  const survivor = open(false);
  const calls: Call[] = [];
  const history = new LifeReader(WITNESS);
  const witness = recordingCaller(survivor, (line) => calls.push(...history.read(`${JSON.stringify(line)}\n`).begun));
  try {
    for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await sleep(50)) {
      await survivor.reconcile();
      if ((await survivor.receipts({ states: MOVING, limit: 1 })).length === 0) break;
    }
    const receipts = await survivor.receipts({ limit: 1_000_000 });
    const queue = receipts.values();
    const ask = async (): Promise<void> => {
      for (const { requestId } of queue) {
        await witness.execute(requestId);
        await witness.receipt(requestId);
      }
    };
    await Promise.all(Array.from({ length: WITNESSES }, ask));
    return { receipts, calls };
  } finally {
    await survivor.close();
  }
}

function openStore(address: StoreAddress): Store {
  return address.kind === "sqlite" ? sqliteStore({ path: address.path }) : postgresStore({ url: address.url });
}
