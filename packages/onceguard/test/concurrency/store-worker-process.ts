// The program of `startStoreWorker`: a process with a store, doing what its parent asks for.
import { appendFileSync } from "node:fs";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { ClaimRequest } from "../../src/core/claim.ts";
import { isRefusal, type LifecycleEvent, type Transition, transition } from "../../src/core/lifecycle.ts";
import type { Store } from "../../src/core/ports.ts";
import type { Receipt } from "../../src/core/receipt.ts";
import type { Asked, StoreWorkerOptions, Tasks } from "./store-worker.ts";

const { store: address, maxBatch } = JSON.parse(process.argv[2] as string) as StoreWorkerOptions;
const store = await openStore();
await store.open();

/** Each store loads its own driver only. */
async function openStore(): Promise<Store> {
  const batch = maxBatch === undefined ? {} : { maxBatch };
  if (address.kind === "sqlite") {
    const { sqliteStore } = await import("../../src/stores/sqlite/sqlite-store.ts");
    return sqliteStore({ path: address.path, busyTimeoutMs: 60_000, ...batch });
  }
  const { patientPool } = await import("../support/patient-pool.ts");
  const { postgresStore } = await import("../../src/stores/postgres/postgres-store.ts");
  return postgresStore({ pool: patientPool(address.url, 4), statementTimeoutMs: 60_000, ...batch });
}

let tokens = 0;
const token = (): string => `${process.pid}-${++tokens}`;

function change(receipt: Receipt, event: LifecycleEvent): Transition {
  const made = transition(receipt, event, token());
  if (isRefusal(made)) throw new Error(`${event.type} is refused from ${receipt.state}`);
  return made;
}

const SUCCESS: LifecycleEvent = { type: "success", result: null };

let calm = true;
let asks = 0;

const TASKS: Tasks = {
  claims: (requests, readFirst) =>
    Promise.all(requests.map(async (request) => (await store.claim(request, readFirst)).kind)),

  storm: async (prefix, request, retries) => {
    calm = false;
    const asked: Asked[] = [];
    const ask = async (id: string, answer: () => Promise<{ kind: string }>): Promise<void> => {
      const begunAt = String(process.hrtime.bigint());
      asked.push({ id, kind: (await answer()).kind, begunAt });
      asks++;
    };
    const gated: ClaimRequest = { ...request, gate: { dedup: null, budgets: [], turn: null } };
    const racer = async (n: number): Promise<void> => {
      for (let round = 0; !calm; round++) {
        const id = `${prefix}-${n}-${round}`;
        const of = { ...(n % 2 ? gated : request), requestId: id, ownerToken: token() };
        await ask(id, () => store.claim(of, n % 3 === 0));
        await turn();
      }
    };
    const retrier = async (): Promise<void> => {
      for (const receipt of retries) {
        if (calm) return;
        await ask(receipt.requestId, () => store.apply(change(receipt, { type: "retry", leaseMs: 60_000 })));
        await sleep(1);
      }
    };
    await Promise.all([...Array.from({ length: 6 }, (_, n) => racer(n)), retrier()]);
    return asked;
  },

  stormed: async (more) => {
    const enough = asks + more;
    while (asks < enough) await sleep(1);
  },

  calm: async () => {
    calm = true;
  },

  turns: async (requests, ledger) => {
    const takesTurn = async (request: ClaimRequest): Promise<void> => {
      for (;;) {
        const answer = await store.claim(request);
        if (answer.kind === "claimed") {
          appendFileSync(ledger, `begin ${request.requestId}\n`);
          await sleep(Math.random() * 3); // others ask meanwhile
          appendFileSync(ledger, `end ${request.requestId}\n`);
          await store.apply(change(answer.claim.receipt, SUCCESS));
          return;
        }
        if (answer.kind !== "busy") throw new Error(`${request.requestId}: ${answer.kind}`);
        await sleep(1 + Math.random() * 3);
      }
    };
    await Promise.all(requests.map(takesTurn));
  },

  release: async (held) => (await store.apply(change(held, { type: "release", leaseMs: 60_000, notAfter: null }))).kind,

  effects: (request, racers, givesUp) =>
    Promise.all(
      Array.from({ length: racers }, (_, n) => {
        const own = { ...request, ownerToken: token() };
        return effect(own, givesUp && n % 2 === 0).catch((error: Error) => error.message);
      }),
    ),

  notifications: async (limit) => {
    const ids: string[] = [];
    for (;;) {
      const taken = await store.takeNotifications({ routes: ["operator"], limit, leaseMs: 3_600_000 });
      if (taken.length === 0) return ids;
      ids.push(...taken.map(({ notification }) => notification.id));
    }
  },
};

function effect(request: ClaimRequest, givesUp: boolean): Promise<string> {
  if (!store.transact) throw new Error("no transactions");
  return store.transact(async (transaction) => {
    const answer = await transaction.claim(request);
    if (answer.kind !== "claimed") return answer.kind;
    const { handle } = transaction;
    if (address.kind === "sqlite") {
      (handle as import("node:sqlite").DatabaseSync)
        .prepare("INSERT INTO effect (id) VALUES (?)")
        .run(request.requestId);
    } else {
      await (handle as import("pg").PoolClient).query("INSERT INTO effect (id) VALUES ($1)", [request.requestId]);
    }
    await turn();
    if (givesUp) throw new Error("given up");
    const done = await transaction.apply(change(answer.claim.receipt, SUCCESS));
    return done.kind;
  });
}

process.on("message", async ({ id, task, args }: { id: number; task: keyof Tasks; args: never[] }) => {
  try {
    process.send?.({ id, value: await (TASKS[task] as (...args: never[]) => Promise<unknown>)(...args) });
  } catch (error) {
    process.send?.({ id, error: (error as Error).stack ?? String(error) });
  }
});

process.once("disconnect", async () => {
  calm = true;
  await store.close();
  process.exit();
});

process.send?.({ ready: true });
