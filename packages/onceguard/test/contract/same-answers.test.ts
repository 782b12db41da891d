import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ClaimRequest, Start } from "../../src/core/claim.ts";
import { DEFAULT_FINALITY_POLICY, openCase } from "../../src/core/finality.ts";
import type { Gate } from "../../src/core/gate.ts";
import { HALT_SCOPES } from "../../src/core/halt.ts";
import { isRefusal, type LifecycleEvent, type Transition, transition } from "../../src/core/lifecycle.ts";
import type { Store } from "../../src/core/ports.ts";
import { type Receipt, STATES } from "../../src/core/receipt.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { fakeClock } from "../../src/testing/index.ts";
import {
  APPROVE,
  BACKOFF,
  claimRequest,
  DEFINITE,
  DENY,
  DOUBT,
  FAILED,
  GIVE_UP,
  HOLD,
  holdForCase,
  SUCCESS,
} from "../../src/testing/store-contract/fixtures.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";

// Long random lives, led in all stores at once: whatever one of them answers, the others answer too. The memory store is
// the model: short enough to be read.

const LIVES = 24;
const STEPS = 250;

const dir = mkdtempSync(join(tmpdir(), "onceguard-same-"));
let url: string;
beforeAll(async () => {
  url = await createDatabase();
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await dropDatabase(url);
});

it.each(Array.from({ length: LIVES }, (_, n) => n + 1))(
  "all stores answer alike (life %i)",
  { timeout: 300_000 },
  async (seed) => {
    const clock = fakeClock();
    const stores: Record<string, Store> = {
      memory: memoryStore({ clock: clock.now }),
      sqlite: sqliteStore({ path: join(dir, `${seed}.db`), clock: clock.now }),
      // Slower by far, and the same statements for the most part.
      ...(seed % 4 === 0 ? { postgres: postgresStore({ url, schema: `life_${seed}`, clock: clock.now }) } : {}),
    };
    const pick = picker(seed);
    const known: Receipt[] = [];
    const tried: ClaimRequest[] = [];
    for (let n = 0; n < STEPS; n++) {
      // No two things happen at one moment: their order would be anybody's choice.
      await clock.advance(pick.chance(0.1) ? pick.below(5_000) + 1 : pick.below(50) + 1);
      const [name, call] = step(pick, known, tried, n);
      const answers = await Promise.all(Object.values(stores).map((store) => outcome(call(store))));
      const [first] = answers;
      for (const [m, answer] of answers.entries()) {
        expect(answer, `step ${n}: ${name} on ${Object.keys(stores)[m]}`).toEqual(first);
      }
      remember(first, known);
    }
    for (const store of Object.values(stores)) await store.close();
  },
);

type Step = readonly [name: string, call: (store: Store) => Promise<unknown>];

const TENANTS = ["acme", "globex"];
const ACTIONS = ["refund", "payout"];
const RECORDS = ["order:A", "order:B", null];
const RUNS = ["run-1", "run-2", null];
const IDS = Array.from({ length: 60 }, (_, n) => `r-${n}`);
const BY = { actor: "ada", reason: "because" };

function step(pick: Picker, known: readonly Receipt[], tried: ClaimRequest[], n: number): Step {
  const tenant = pick.of(TENANTS);
  const id = pick.of(IDS);
  const scope = pick.of(HALT_SCOPES);
  const haltId = scope === "run" ? pick.of(["run-1", "run-2"]) : scope === "action" ? pick.of(ACTIONS) : tenant;
  const inForce = pick.chance(0.5);
  const subject = { tenant, action: pick.of(ACTIONS), runId: pick.of(RUNS) };
  const kinds: readonly (readonly [weight: number, make: () => Step])[] = [
    [
      40,
      () => {
        const again = tried.length > 0 && pick.chance(0.15);
        const request = again ? pick.of(tried) : randomClaim(pick, tenant, id, n);
        if (!again) tried.push(request);
        const readFirst = pick.chance(0.5);
        return [`claim ${JSON.stringify(request)}`, (store) => store.claim(request, readFirst)];
      },
    ],
    [
      40,
      () => {
        if (known.length === 0) return ["now", (store) => store.now()];
        // Mostly the newest of what was seen; sometimes something older, that has moved on since.
        const from = pick.chance(0.85) ? pick.of(newest(known)) : pick.of(known);
        const changes = EVENTS.map((make) => transition(from, make(from, pick), `token ${n}`));
        const change = pick.of(changes.filter((made): made is Transition => !isRefusal(made)));
        return [`apply ${change.event} to ${from.requestId}`, (store) => store.apply(change)];
      },
    ],
    [
      1,
      () => [
        `halt ${scope} ${haltId}`,
        (store) => store.halt({ tenant, scope, id: haltId, reason: "why", actor: "ada" }),
      ],
    ],
    [12, () => [`resume ${scope} ${haltId}`, (store) => store.resume(tenant, scope, haltId, BY)]],
    [2, () => ["halts", (store) => store.halts({ inForce, limit: 100 })]],
    [2, () => ["haltFor", (store) => store.haltFor(subject)]],
    [3, () => due(pick)],
    [3, () => list(pick, tenant)],
    [2, () => [`log ${id}`, (store) => store.log(tenant, id)]],
    [2, () => [`find ${id}`, (store) => store.find(tenant, id)]],
    [2, () => renewal(pick, known)],
    [
      3,
      () => {
        const version = pick.below(3);
        const value = {
          tenant,
          case: openCase(pick.of(["case:1", "case:2"])),
          policy: DEFAULT_FINALITY_POLICY,
          version,
        };
        return ["saveCase", (store) => store.saveCase(value)];
      },
    ],
    [3, () => notifications(pick)],
    [
      1,
      () => {
        const order = { backupAt: pick.below(1_000), lastsMs: pick.of([null, 500]), ...BY };
        return ["startEpoch", (store) => store.startEpoch(order)];
      },
    ],
    [3, () => ["endEpoch", (store) => store.endEpoch(BY)]],
    [1, () => ["epoch", (store) => store.epoch()]],
  ];
  let left = pick.below(kinds.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, make] of kinds) {
    left -= weight;
    if (left < 0) return make();
  }
  throw new Error("the weights do not add up");
}

function randomClaim(pick: Picker, tenant: string, requestId: string, n: number): ClaimRequest {
  const recordId = pick.of(RECORDS);
  const runId = pick.of(RUNS);
  const serialized = recordId !== null && pick.chance(0.5);
  const caseId = pick.chance(0.2) ? "case:1" : null;
  const starts: readonly Start[] = [
    { state: "running", leaseMs: pick.of([50, 5_000]) },
    { state: "running", leaseMs: 5_000 },
    { state: "running", leaseMs: 5_000 },
    { state: "held", hold: caseId === null ? HOLD : holdForCase(caseId), dueInMs: pick.below(2_000) },
    { state: "retry_wait" },
    { state: "in_doubt", sentFrom: 1, sentUntil: 2 },
  ];
  return claimRequest(requestId, {
    tenant,
    recordId,
    runId,
    serialized,
    caseId,
    action: pick.of(ACTIONS),
    capability: pick.of(["none", "probe", "downstream_key", "probe_and_downstream_key", "transaction"]),
    explicitId: pick.chance(0.1) ? pick.of(IDS) : null,
    amount: pick.of([null, 1, 10, 25.5]),
    tracked: pick.chance(0.3),
    start: pick.of(starts),
    ownerToken: `claim ${n}`,
    gate: randomGate(pick, tenant, recordId, runId, serialized),
  });
}

function randomGate(
  pick: Picker,
  tenant: string,
  recordId: string | null,
  runId: string | null,
  serialized: boolean,
): Gate | null {
  const dedup =
    recordId !== null && pick.chance(0.3)
      ? { recordId, windowMs: pick.of([200, 5_000]), limit: pick.of([1, 2]), hold: pick.of([null, HOLD]), holdMs: 700 }
      : null;
  const budgets: Gate["budgets"] = [
    ...(runId !== null && pick.chance(0.2)
      ? [
          {
            name: "actions",
            counts: "actions",
            limit: pick.of([8, 20]),
            runId,
            action: null,
            recordId: pick.of([null, recordId]),
            windowMs: null,
            halts: { scope: "run", id: runId },
          } as const,
        ]
      : []),
    ...(pick.chance(0.2)
      ? [
          {
            name: "amount",
            counts: "amount",
            limit: pick.of([80, 300]),
            runId: null,
            action: pick.of([null, "refund"]),
            recordId: null,
            windowMs: pick.of([1_000, 10_000]),
            halts: { scope: "tenant", id: tenant },
          } as const,
        ]
      : []),
  ];
  const turn = serialized && recordId !== null ? { recordId, placeMs: pick.of([60, 5_000]) } : null;
  return dedup === null && turn === null && budgets.length === 0 ? null : { dedup, budgets, turn };
}

/** What may happen to a record; most of it is refused in most states, which the lifecycle sees to. */
const EVENTS: readonly ((from: Receipt, pick: Picker) => LifecycleEvent)[] = [
  () => SUCCESS,
  () => FAILED,
  () => BACKOFF,
  () => DOUBT,
  (_, pick) => ({ ...BACKOFF, retryInMs: pick.below(400) }) as LifecycleEvent,
  (_, pick) => ({ ...DOUBT, nextInMs: pick.below(400) }) as LifecycleEvent,
  () =>
    ({ ...BACKOFF, failure: DEFINITE, retryInMs: null, route: "data_owner", reason: "validation" }) as LifecycleEvent,
  () => ({ ...FAILED, failure: { ...DEFINITE, tier: "security" } }) as LifecycleEvent,
  () => GIVE_UP,
  () => ({ type: "lapse" }),
  () => ({ type: "dispatch" }),
  () => ({ type: "retry", leaseMs: 3_000 }),
  () => ({ type: "retry", leaseMs: 3_000 }),
  ({ readAt }, pick) => ({ type: "resend", leaseMs: 3_000, notAfter: pick.of([null, readAt + 40]) }),
  ({ readAt }, pick) => ({ type: "release", leaseMs: 3_000, notAfter: pick.of([null, readAt + 40]) }),
  () => APPROVE,
  () => DENY,
  (_, pick) => ({ type: "keep_held", hold: pick.of([HOLD, holdForCase("case:1")]), nextInMs: pick.below(900) }),
  () => ({ type: "probe_happened", result: null }),
  (_, pick) => ({ type: "probe_did_not_happen", retryInMs: pick.of([null, 30]) }),
  () => ({ type: "probe_cannot_tell", nextInMs: 300 }),
  (_, pick) => ({ type: "resolve", decision: pick.of(["happened", "did_not_happen", "retry"]), result: null, ...BY }),
  () => ({ type: "reopen", ...BY }),
  ({ fencingToken }, pick) => ({
    type: "late_success",
    fencingToken: pick.of([null, fencingToken, fencingToken - 1]),
    result: null,
    sameKey: pick.chance(0.5),
  }),
  (_, pick) => ({ type: "late_denial", source: "a webhook", sameKey: pick.chance(0.5) }),
  () => ({ type: "restored" }),
  () => ({ type: "compensate", actor: null }),
  () => ({ type: "compensated" }),
  () => ({ type: "expire" }),
];

function due(pick: Picker): Step {
  const actions = pick.of([[], ["refund"], ACTIONS]);
  return [`due ${actions}`, async (store) => (await store.due({ actions, limit: 100 })).toSorted(byId)];
}

function list(pick: Picker, tenant: string): Step {
  const query = {
    tenant: pick.of([undefined, tenant]),
    action: pick.of([undefined, ...ACTIONS]),
    recordId: pick.of([undefined, "order:A"]),
    runId: pick.of([undefined, "run-1"]),
    caseId: pick.of([undefined, undefined, "case:1"]),
    conflict: pick.of([undefined, undefined, true] as const),
    states: pick.of([undefined, [pick.of(STATES), pick.of(STATES)]]),
    limit: pick.of([3, 100]),
  };
  return [`list ${JSON.stringify(query)}`, (store) => store.list(query)];
}

function renewal(pick: Picker, known: readonly Receipt[]): Step {
  const renewals =
    known.length === 0 ? [] : [pick.of(newest(known)), pick.of(known)].map((one) => ({ ...one, leaseMs: 900 }));
  const text = async (store: Store) =>
    (await store.renew(renewals)).map(({ requestId, fencingToken }) => `${requestId} ${fencingToken}`);
  return ["renew", text];
}

function notifications(pick: Picker): Step {
  const query = {
    routes: pick.of([["operator"], ["security", "data_owner"], []] as const),
    limit: pick.of([1, 50]),
    leaseMs: 300,
  };
  const again = pick.of([null, 100]);
  return [
    `notifications for ${query.routes}`,
    async (store) => {
      const taken = await store.takeNotifications(query);
      const [one] = taken;
      if (one) await store.settleNotification(one.notification.id, again);
      return taken;
    },
  ];
}

/** The answer, or what was thrown; without what no store has to share. */
async function outcome(answer: Promise<unknown>): Promise<unknown> {
  try {
    return JSON.parse(JSON.stringify({ answer: (await answer) ?? null }));
  } catch (error) {
    return `threw ${(error as { code?: string }).code ?? error}`;
  }
}

function remember(answer: unknown, known: Receipt[]): void {
  const { answer: value } = (answer ?? {}) as { answer?: { receipt?: Receipt; claim?: { receipt?: Receipt } } };
  for (const receipt of [value?.claim?.receipt, value?.receipt]) if (receipt?.requestId) known.push(receipt);
}

/** The newest that is known of each request. */
function newest(known: readonly Receipt[]): Receipt[] {
  const byKey = new Map<string, Receipt>();
  for (const receipt of known) {
    const key = `${receipt.tenant} ${receipt.requestId}`;
    const before = byKey.get(key);
    if (!before || before.version <= receipt.version) byKey.set(key, receipt);
  }
  return [...byKey.values()];
}

function byId(a: Receipt, b: Receipt): number {
  return `${a.tenant} ${a.requestId}` < `${b.tenant} ${b.requestId}` ? -1 : 1;
}

interface Picker {
  below(limit: number): number;
  of<Value>(values: readonly Value[]): Value;
  chance(share: number): boolean;
}

/** Mulberry32: the same life for the same seed. */
function picker(seed: number): Picker {
  let state = seed * 0x9e3779b9;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    below: (limit) => Math.floor(random() * limit),
    of: (values) => values[Math.floor(random() * values.length)] as never,
    chance: (share) => random() < share,
  };
}
