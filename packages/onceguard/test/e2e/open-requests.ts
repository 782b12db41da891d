import { createGuard, defineAction, effectError, type GuardOptions, type Schema } from "../../src/index.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import type { Folder } from "./cli.ts";

export interface Refund {
  readonly order: string;
  readonly amount: number;
  /** How it goes wrong, if it does. */
  readonly fails?: "lost" | "conflict" | "security";
  readonly note?: string;
}

const RefundInput: Schema<Refund, Refund> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as Refund }) },
};

const refund = defineAction({
  name: "refund",
  riskTier: "irreversible",
  input: RefundInput,
  keyFields: ["order"],
  record: ({ order }) => `order:${order}`,
  amount: ({ amount }) => amount,
  execute: ({ fails, note }) => {
    if (fails === "lost") throw new Error("socket hang up");
    if (fails) {
      const message = `${fails} says no${note === undefined ? "" : `: ${note}`}`;
      throw effectError({ certainty: "definite", tier: fails, code: `${fails}_says`, message });
    }
    return { paid: true };
  },
});

const settle = defineAction({
  name: "settle",
  riskTier: "side_effecting",
  keyFields: ["match"],
  case: ({ match }: { match: string }) => ({ id: `match:${match}`, outcome: "home" }),
  execute: async () => "settled",
});

export type TestGuard = ReturnType<typeof guardOf>;

/** A program beside the command line, with the store in the folder. Over 500 a person has to approve. */
export function guardOf(folder: Folder, options: Partial<GuardOptions> = {}) {
  return createGuard({
    rules: [{ amountOver: 500, verdict: "review", reason: "over 500 a person looks" }],
    ...options,
    store: sqliteStore({ path: folder.file("onceguard.db") }),
    actions: [refund, settle],
    sweepEvery: false,
    spill: false,
  });
}

/** Makes the requests, one after the other, and answers with their ids. */
export async function requests(folder: Folder, refunds: readonly Refund[], actor = "agent:support"): Promise<string[]> {
  const guard = guardOf(folder);
  try {
    const ids: string[] = [];
    for (const one of refunds) ids.push((await guard.execute("refund", one, { runId: "run-7", actor })).requestId);
    await guard.reconcile();
    return ids;
  } finally {
    await guard.close();
  }
}

export async function withTestGuard<Answer>(
  folder: Folder,
  work: (guard: TestGuard) => Promise<Answer>,
): Promise<Answer> {
  const guard = guardOf(folder);
  try {
    return await work(guard);
  } finally {
    await guard.close();
  }
}
