// The program of control.test.ts: a process with a guard, which makes all the calls that its parent asks for at once.
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createGuard, defineAction, type OutcomeSignal, type Store } from "../../src/index.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";

export interface ControlOptions {
  readonly store: StoreAddress;
  /** One line per effect: the outside world. */
  readonly ledger: string;
  /** Once this file is there, what has read its record goes on. */
  readonly gate: string;
}

export type ControlCall =
  | {
      readonly action: "pay";
      readonly input: { readonly id: string; readonly amount?: number };
      readonly runId?: string;
    }
  | { readonly action: "read_first"; readonly input: { readonly id: string }; readonly runId?: string }
  | {
      readonly action: "payout";
      readonly input: { readonly match: string; readonly winner: string; readonly to: string };
    }
  | { readonly action: "signal"; readonly input: OutcomeSignal & { readonly match: string } }
  | { readonly action: "reconcile" };

const { store: address, ledger, gate } = JSON.parse(process.argv[2] as string) as ControlOptions;

const happens = async (line: string): Promise<string> => {
  appendFileSync(ledger, `${line}\n`);
  return line;
};

const pay = defineAction({
  name: "pay",
  riskTier: "side_effecting",
  keyFields: ["id"],
  amount: ({ amount = 0 }: { id: string; amount?: number }) => amount,
  execute: ({ id }: { id: string; amount?: number }) => happens(`pay ${id}`),
});
const readFirst = defineAction({
  name: "read_first",
  riskTier: "side_effecting",
  keyFields: ["id"],
  before: async ({ id }: { id: string }) => {
    await happens(`read ${id}`);
    while (!existsSync(gate)) await sleep(2);
    return { id };
  },
  execute: ({ id }: { id: string }) => happens(`sent ${id}`),
});
const payout = defineAction({
  name: "payout",
  riskTier: "side_effecting",
  keyFields: ["match", "winner", "to"],
  case: ({ match, winner }: { match: string; winner: string; to: string }) => ({ id: match, outcome: winner }),
  execute: ({ match, winner, to }: { match: string; winner: string; to: string }) =>
    happens(`payout ${match} ${winner} ${to}`),
});

const guard = createGuard({
  store: await openStore(),
  actions: [pay, readFirst, payout],
  sweepEvery: false,
  storeTimeout: "60s",
  rules: [{ action: "pay", amountOver: 100, verdict: "review", reason: "more than 100" }],
  budgets: { amounts: [{ action: "pay", limit: 100_000, window: "1h" }], maxActionsPerRun: 7 },
});

/** Each loads its own driver only. */
async function openStore(): Promise<Store> {
  if (address.kind === "sqlite") {
    const { sqliteStore } = await import("../../src/stores/sqlite/sqlite-store.ts");
    return sqliteStore({ path: address.path, busyTimeoutMs: 60_000 });
  }
  const { patientPool } = await import("../support/patient-pool.ts");
  const { postgresStore } = await import("../../src/stores/postgres/postgres-store.ts");
  return postgresStore({ pool: patientPool(address.url, 4), statementTimeoutMs: 60_000 });
}

async function make(call: ControlCall): Promise<string> {
  switch (call.action) {
    case "reconcile":
      await guard.reconcile();
      return "reconciled";
    case "signal": {
      const { match, ...signal } = call.input;
      return (await guard.case(match).signal(signal)).verdict;
    }
    case "payout":
      return (await guard.execute("payout", call.input)).status;
    case "pay":
    case "read_first": {
      const context = call.runId === undefined ? {} : { runId: call.runId };
      return (await guard.execute(call.action, call.input, context)).status;
    }
  }
}

process.on("message", async (calls: readonly ControlCall[]) => {
  const made = await Promise.allSettled(calls.map(make));
  process.send?.(made.map((one) => (one.status === "fulfilled" ? one.value : String(one.reason))));
});
process.on("disconnect", () => void guard.close().finally(() => process.exit()));
await guard.receipt("nothing");
process.send?.("ready");
