// The program of `startWorker`: a host process with a guard, doing what its parent asks for.
import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import {
  createGuard,
  type Decision,
  defineAction,
  type EffectContext,
  OnceguardError,
  type Outcome,
  type Schema,
  type Store,
} from "../../src/index.ts";
import { crashPoints } from "../../src/testing/crash-points.ts";
import { flakyWorldClient } from "./flaky-world-client.ts";
import type { ActionName, Ask, Asks, Payment, WorkerOptions } from "./guarded-worker.ts";

const options = JSON.parse(process.argv[2] as string) as WorkerOptions;
const points = crashPoints(options.crash ?? null, options.stop);
const outside = flakyWorldClient(options.world);

const input: Schema<Payment, Payment> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: value as Payment }) },
};

/** Sends a payment, and tells the crash points what only the effect can know. */
async function send({ reference, amount }: Payment, context: EffectContext, key?: string) {
  const { number } = await outside.send(reference, amount, {
    ...(key !== undefined && { key }),
    ...(options.deaf !== true && { signal: context.signal }),
    onCommitted: () =>
      points.reach(context.attemptNumber === 1 ? "in_effect_after_commit_before_reply" : "during_resend"),
  });
  return { number };
}

const common = {
  riskTier: "irreversible",
  input,
  timeout: "60s",
  retry: { maxAttempts: 5, base: "20ms", cap: "100ms" },
} as const;

const actions = [
  defineAction({ ...common, name: "pay_none", execute: (payment, context) => send(payment, context) }),
  defineAction({
    ...common,
    name: "pay_probe",
    execute: (payment, context) => send(payment, context),
    probe: async ({ reference }) => {
      const effect = await outside.lookUp(reference);
      return effect ? { answer: "happened", result: { number: effect.number } } : { answer: "did_not_happen" };
    },
  }),
  defineAction({
    ...common,
    name: "pay_downstream_key",
    downstreamKey: { lifetime: "1h" },
    execute: (payment, context) => send(payment, context, context.idempotencyKey),
  }),
];

const newGuard = async () =>
  createGuard({
    store: points.store(await openStore(options)),
    actions: actions.map((action) => points.action(action)),
    sweepEvery: false,
    lease: options.lease ?? "30s",
    wait: options.wait ?? "50s",
    grace: options.grace ?? "10s",
  });
const guard = await newGuard();
const more = await Promise.all(Array.from({ length: (options.guards ?? 1) - 1 }, newGuard));
const guards = [guard, ...more];
const close = () => Promise.all(guards.map((one) => one.close()));

/** Each store loads its own driver only: a process that starts fast is a process that tests can afford to kill. */
async function openStore({ store }: WorkerOptions): Promise<Store> {
  if (store.kind === "sqlite") {
    const { sqliteStore } = await import("../../src/stores/sqlite/sqlite-store.ts");
    return sqliteStore({ path: store.path });
  }
  const { postgresStore } = await import("../../src/stores/postgres/postgres-store.ts");
  return postgresStore({ url: store.url, maxConnections: 4 });
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
