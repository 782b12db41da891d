// The program of `startWorker`: a host process with a guard, doing what its parent asks for.
import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { createGuard, type Decision, OnceguardError, type Outcome, type Store } from "../../src/index.ts";
import type { ApprovalGrant } from "../../src/pipeline/approve.ts";
import { crashPoints } from "../../src/testing/crash-points.ts";
import type { ActionName, Ask, Asks, Payment, WorkerOptions } from "./guarded-worker.ts";
import { guardedActions, paymentPolicy } from "./guarded-worker-actions.ts";
import { sweepingOnly } from "./sweeping-only.ts";

const options = JSON.parse(process.argv[2] as string) as WorkerOptions;
const points = crashPoints(options.crash ?? null, options.stop);

const newGuard = async () =>
  createGuard({
    store: points.store(await openStore(options)),
    actions: guardedActions({ world: options.world, points, deaf: options.deaf }),
    policy: paymentPolicy,
    sweepEvery: false,
    lease: options.lease ?? "30s",
    wait: options.wait ?? "50s",
    grace: options.grace ?? "10s",
    storeTimeout: options.storeTimeout ?? "2s",
    ...(options.spill !== undefined && { spill: options.spill }),
  });
const guard = await newGuard();
const more = await Promise.all(Array.from({ length: (options.guards ?? 1) - 1 }, newGuard));
const guards = [guard, ...more];
const close = () => Promise.all(guards.map((one) => one.close()));

/** Each store loads its own driver only: a process that starts fast is a process that tests can afford to kill. */
async function openStore({ store: address, ahead, sweeps }: WorkerOptions): Promise<Store> {
  const clock = ahead === undefined ? {} : { clock: () => Date.now() + ahead };
  const store = await (async () => {
    if (address.kind === "sqlite") {
      const { sqliteStore } = await import("../../src/stores/sqlite/sqlite-store.ts");
      return sqliteStore({ path: address.path, ...clock });
    }
    const { postgresStore } = await import("../../src/stores/postgres/postgres-store.ts");
    return postgresStore({ url: address.url, maxConnections: 4, ...clock });
  })();
  return sweeps === undefined ? store : sweepingOnly(store, sweeps);
}

async function execute(action: ActionName, payment: Payment, by = guard): Promise<Outcome> {
  const outcome = await by.execute(action, payment, { requestId: payment.reference });
  points.reach("recorded_caller_not_told");
  return outcome;
}

/** Many callers at once; how many of them got which answer. */
async function race(action: ActionName, payment: Payment, callers: number): Promise<[answer: string, count: number][]> {
  const outcomes = await Promise.all(
    Array.from({ length: callers }, (_, n) => execute(action, payment, guards[n % guards.length])),
  );
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    const answer = JSON.stringify(outcome, (name, value) => (name === "readAt" ? undefined : value));
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  return [...counts];
}

const ASKS: { [Name in keyof Asks]: (...args: Parameters<Asks[Name]>) => Promise<Awaited<ReturnType<Asks[Name]>>> } = {
  execute: (action, payment) => execute(action, payment),
  race,
  receipt: (requestId: string) => guard.receipt(requestId),
  log: (requestId: string) => guard.log(requestId),
  reconcile: (requestId: string) => guard.reconcile(requestId),
  reconcileDue: () => guard.reconcile(),
  receipts: () => guard.receipts({ limit: 100_000 }),
  resolve: (requestId: string, decision: Decision) => guard.resolve(requestId, decision),
  approve: (requestId: string, grant: ApprovalGrant) => guard.approve(requestId, grant),
};

process.on("message", async ({ id, ask, args }: Ask) => {
  try {
    const value = await (ASKS[ask] as (...args: unknown[]) => Promise<unknown>)(...args);
    process.send?.({ id, value });
  } catch (error) {
    const code = error instanceof OnceguardError ? error.code : undefined;
    process.send?.({ id, error: { code, message: (error as Error).message } });
  }
});

let terminating = false;
process.on("SIGTERM", async () => {
  terminating = true;
  const closed = close();
  writeSync(1, "CLOSING\n");
  await closed;
  writeSync(1, "CLOSED\n");
  process.disconnect(); // from here nothing but the guard could keep the process
});

process.once("disconnect", async () => {
  if (terminating) return;
  await close();
  process.exit();
});

flushCompileCache();
process.send?.({ ready: true });
