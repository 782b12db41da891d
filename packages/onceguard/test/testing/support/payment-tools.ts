// Tools as users have them, for `expectOnce`: by themselves, and under a guard. The reference is their business key.
import { join } from "node:path";
import { createGuard, defineAction, type Guard } from "../../../src/index.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import type { OnceCall } from "../../../src/testing/index.ts";

async function post(url: string, order: string, signal: AbortSignal | null = null): Promise<{ number: number }> {
  const body = JSON.stringify({ order });
  const response = await fetch(`${url}/payments`, { method: "POST", body, signal });
  if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { status: response.status });
  return (await response.json()) as { number: number };
}

export const pay = ({ url, reference }: OnceCall) => post(url, reference);

/** One guard per folder: the processes of a scenario share their store. */
const guards = new Map<string, Guard>();

export async function payGuarded({ url, reference, folder }: OnceCall) {
  const known = guards.get(folder);
  const guard =
    known ??
    createGuard({
      store: sqliteStore({ path: join(folder, "receipts.db") }),
      lease: "600ms",
      wait: "5s",
      sweepEvery: false,
    });
  guards.set(folder, guard);
  const action = defineAction({
    name: "pay",
    riskTier: "side_effecting",
    keyFields: ["order"],
    execute: ({ order }: { order: string }, { signal }) => post(url, order, signal),
    probe: async ({ order }) => {
      const found = await fetch(`${url}/payments/${order}`);
      if (found.status === 404) return { answer: "did_not_happen" };
      return { answer: "happened", result: (await found.json()) as { number: number } };
    },
  });
  return guard.wrap(action, { register: false })({ order: reference });
}

export async function closeGuards(): Promise<void> {
  await Promise.all([...guards.values()].map((guard) => guard.close()));
  guards.clear();
}

export const notAFunction = 1;
