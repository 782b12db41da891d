import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AnyAction, defineAction } from "../../../onceguard/src/core/action.ts";
import { effectError } from "../../../onceguard/src/core/failure.ts";
import { DEFAULT_FINALITY_POLICY } from "../../../onceguard/src/core/finality.ts";
import type { Store } from "../../../onceguard/src/core/ports.ts";
import { provider } from "../../../onceguard/src/core/provider.ts";
import { apiKeys, makeApiKey } from "../../../onceguard/src/http/keys/api-key.ts";
import { type ServeHttpOptions, serveHttp } from "../../../onceguard/src/http/node/serve.ts";
import { ROLES, type Role } from "../../../onceguard/src/http/principal.ts";
import { createGuard } from "../../../onceguard/src/pipeline/create-guard.ts";
import type { Guard } from "../../../onceguard/src/pipeline/guard.ts";
import { postgresStore } from "../../../onceguard/src/stores/postgres/postgres-store.ts";
import { createDatabase, dropDatabase } from "../../../onceguard/test/support/postgres.ts";

/** How the outside answers: it does it and says so; does it and its answer is lost; refuses; does not come about. */
export type Fault = "none" | "lost" | "declined" | "busy" | "hold";

export interface Payment {
  readonly order: string;
  readonly amount?: number;
  readonly fault?: Fault;
  readonly note?: string;
}

/** A guard on PostgreSQL behind a real server, with effects that fail in every way, and the outside's own ledger. */
export interface World {
  readonly url: string;
  readonly guard: Guard;
  readonly store: Store;
  readonly keys: Readonly<Record<Role | "second", string>>;
  /** The judge: references that were really done, in order. */
  effects(): readonly string[];
  /** The records that `flag_shipment` writes. */
  readonly shipments: Record<string, { priority: string }>;
  /** Lets effects with fault `hold` go on. */
  release(): void;
  close(): Promise<void>;
}

const anything = (check: (value: unknown) => boolean) => ({
  "~standard": {
    version: 1 as const,
    vendor: "test",
    validate: (value: unknown) => (check(value) ? { value: value as Payment } : { issues: [{ message: "no order" }] }),
  },
});

export async function startWorld(http: Partial<ServeHttpOptions> = {}, isOpen = false): Promise<World> {
  const database = await createDatabase();
  const dir = mkdtempSync(join(tmpdir(), "onceguard-console-"));
  const ledger = join(dir, "ledger");
  let held: (() => void)[] = [];
  const shipments: World["shipments"] = {};
  const outside = async ({ order, fault = "none" }: Payment): Promise<{ done: string }> => {
    if (fault === "declined") {
      throw effectError({ certainty: "definite", tier: null, code: "declined", message: "the card was declined" });
    }
    if (fault === "busy") {
      throw effectError({ certainty: "definite", tier: "transient", code: "busy", message: "come again later" });
    }
    appendFileSync(ledger, `${order}\n`);
    if (fault === "hold") await new Promise<void>((resolve) => held.push(resolve));
    if (fault === "lost") throw new Error(`socket hang up after ${order}`);
    return { done: order };
  };
  const payment = {
    input: anything((value) => typeof (value as Payment | null)?.order === "string"),
    record: (given: Payment) => `order:${given.order}`,
    keyFields: ["order"],
    volatile: ["note"],
    amount: (given: Payment) => given.amount ?? 0,
    retry: { maxAttempts: 3, maxElapsed: "24h", base: "1h", cap: "1h" },
    execute: outside,
  } as const;
  const actions: AnyAction[] = [
    defineAction({ ...payment, name: "refund_payment" }),
    defineAction({
      ...payment,
      name: "charge_card",
      riskTier: "side_effecting",
      downstreamKey: provider("stripe"),
      probe: () => ({ answer: "cannot_tell" as const }),
    }),
    defineAction({
      ...payment,
      name: "send_mail",
      riskTier: "side_effecting",
      dedupWindow: "24h",
      keyFields: ["order", "note"],
      volatile: [],
    }),
    defineAction({ ...payment, name: "pay_winner", case: (given: Payment) => ({ id: `match:${given.order}` }) }),
    defineAction({
      name: "flag_shipment",
      riskTier: "side_effecting",
      keyFields: ["order"],
      record: (given: Payment) => `shipment:${given.order}`,
      before: ({ order }: Payment) => shipments[order],
      after: ({ order }: Payment) => shipments[order],
      compensate: ({ order }: Payment, { before }) => {
        shipments[order] = before;
      },
      execute: async (given: Payment) => {
        shipments[given.order] = { priority: given.note ?? "high" };
        return outside(given);
      },
    }),
  ];
  const rules = [
    { amountOver: 50_000, verdict: "review", reason: "over 500.00 needs a person" },
    { action: "send_mail", amountOver: 9_000, verdict: "deny", reason: "never by mail" },
  ] as const;
  const store = postgresStore({ url: database });
  const guard = createGuard({
    store,
    actions,
    rules,
    sweepEvery: false,
    spill: false,
    onBackgroundError: () => undefined,
  }) as unknown as Guard;
  const names = [...ROLES, "second"] as const;
  const made = names.map((name) => {
    const role = name === "second" ? "reviewer" : name;
    return [
      name,
      makeApiKey({ tenant: "default", name: name === "second" ? "bob" : NAMES[name], role }, new Date()),
    ] as const;
  });
  const serving = await serveHttp({
    guard,
    actions,
    port: 0,
    console: true,
    eventsEvery: "100ms",
    version: "0.1.0",
    traceUrl: "https://traces.example/{trace_id}",
    report: () => undefined,
    configured: {
      store: { name: "postgres://db.internal/app", durable: true, log: "table log" },
      notified: { operator: ["pager"] },
      budgets: {
        maxActionsPerRun: 500,
        maxRepeatsPerRecord: null,
        amounts: [{ limit: 1_000_000, windowMs: 3_600_000, per: "tenant" }],
      },
      spill: null,
      rules,
      hasPolicy: false,
      policyVersion: "7",
      finality: DEFAULT_FINALITY_POLICY,
    },
    ...(!isOpen && { keys: apiKeys(made.map(([, { kept }]) => kept)) }),
    ...http,
  });
  const release = (): void => {
    for (const go of held) go();
    held = [];
  };
  return {
    url: serving.url,
    guard,
    store,
    keys: Object.fromEntries(made.map(([name, { key }]) => [name, key])) as World["keys"],
    effects: () => (existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").filter(Boolean) : []),
    shipments,
    release,
    close: async () => {
      release();
      await serving.close({ grace: "1s" });
      await guard.close();
      await dropDatabase(database);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const NAMES: Readonly<Record<Role, string>> = {
  caller: "agent-7",
  reviewer: "ann",
  operator: "olga",
  auditor: "eve",
};
