import { SpanStatusCode } from "@opentelemetry/api";
import { expect, it, vi } from "vitest";
import { settle, testGuard, withVerbs } from "../../test/support/guard.ts";
import { type Told, told } from "../../test/support/otel.ts";
import { defineAction } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import { effectError } from "../core/failure.ts";
import type { Outcome, Status } from "../core/outcome.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { openTelemetry } from "./otel.ts";

// Every outcome that a caller can see, by its span and its metrics.

interface Order {
  readonly orderId: string;
  readonly amount: number;
}

const BY = { actor: "ada", reason: "looks odd" };

/** How the effects of these orders end. */
const FATES: Readonly<Record<string, () => unknown>> = {
  lost: () => {
    throw new Error("socket hang up");
  },
  refused: () => {
    throw effectError({ certainty: "definite", tier: null, code: "card_declined", message: "no funds" });
  },
  malformed: () => {
    throw Object.assign(new Error("HTTP 422"), { status: 422 });
  },
  busy: () => {
    throw Object.assign(new Error("HTTP 429"), { status: 429 });
  },
  hanging: () => new Promise(() => undefined),
};

const pay = defineAction({
  name: "pay",
  riskTier: "side_effecting",
  keyFields: ["orderId"],
  record: (order: Order) => `order:${order.orderId.split("/")[0]}`,
  dedupWindow: "1h",
  execute: async ({ orderId }: Order) => FATES[orderId]?.() ?? { paid: orderId },
});

function world() {
  const seen = told();
  const made = testGuard([pay], {
    telemetry: openTelemetry(seen),
    policy: ({ payload }) => {
      const { amount } = payload as unknown as Order;
      if (amount > 900) return { verdict: "deny", reason: "too much" };
      return amount > 500 ? { verdict: "review", reason: "look first" } : { verdict: "allow" };
    },
  });
  return { ...made, seen };
}

type World = ReturnType<typeof world>;

/** How each status comes about; the call whose span counts is the last one. */
const STORIES: Readonly<Record<Status, (world: World) => Promise<Outcome>>> = {
  executed: ({ guard }) => guard.execute("pay", { orderId: "A1", amount: 5 }),
  replayed: async ({ guard }) => {
    await guard.execute("pay", { orderId: "A1", amount: 5 });
    return guard.execute("pay", { orderId: "A1", amount: 5 });
  },
  skipped: async ({ guard }) => {
    await guard.execute("pay", { orderId: "A1/1", amount: 5 });
    return guard.execute("pay", { orderId: "A1/2", amount: 5 });
  },
  in_doubt: ({ guard }) => guard.execute("pay", { orderId: "lost", amount: 5 }),
  failed: ({ guard }) => guard.execute("pay", { orderId: "refused", amount: 5 }),
  review: ({ guard }) => guard.execute("pay", { orderId: "malformed", amount: 5 }),
  retry_later: ({ guard }) => guard.execute("pay", { orderId: "busy", amount: 5 }, { wait: 0 }),
  in_progress: async ({ guard, store, clock, seen }) => {
    void guard.execute("pay", { orderId: "hanging", amount: 5 });
    await vi.waitFor(async () => expect(await guard.receipts({ states: ["running"] })).toHaveLength(1));
    const other = testGuard([pay], { store, clock, telemetry: openTelemetry(seen) });
    return other.guard.execute("pay", { orderId: "hanging", amount: 5 }, { wait: 0 });
  },
  held: ({ guard }) => guard.execute("pay", { orderId: "A1", amount: 600 }),
  denied: ({ guard }) => guard.execute("pay", { orderId: "A1", amount: 1_000 }),
  halted: async ({ guard }) => {
    await guard.halt("action", "pay", BY);
    return guard.execute("pay", { orderId: "A1", amount: 5 });
  },
  mismatch: async ({ guard }) => {
    await guard.execute("pay", { orderId: "A1", amount: 5 });
    return guard.execute("pay", { orderId: "A1", amount: 6 });
  },
  expired: async ({ guard, clock }) => {
    await guard.execute("pay", { orderId: "A1", amount: 5 });
    await clock.advance(86_400_000);
    await guard.expire({ olderThan: "1h" });
    return guard.execute("pay", { orderId: "A1", amount: 5 });
  },
  unavailable: async ({ seen }) => {
    const clock = fakeClock();
    const away = () => Promise.reject(new OnceguardError("store_unavailable", "cut", { applied: "no" }));
    const store = withVerbs(memoryStore({ clock: clock.now }), { claim: away });
    const { guard } = testGuard([pay], { store, clock, telemetry: openTelemetry(seen) });
    return settle(clock, guard.execute("pay", { orderId: "A1", amount: 5 }));
  },
};

const ERRORS: Partial<Record<Status, string>> = {
  in_doubt: "unclassified",
  failed: "card_declined",
  mismatch: "mismatch",
  unavailable: "unavailable",
};

it.each(Object.keys(STORIES) as Status[])("%s", async (status) => {
  const made = world();
  // Time stands still while somebody is at work: it would otherwise pass until that is in doubt.
  const story = STORIES[status](made);
  const outcome = await (status === "in_progress" ? story : made.settle(story));
  expect(outcome.status).toBe(status);

  const span = made.seen.spansCalled("execute_tool pay").at(-1);
  expect(span?.attributes).toMatchObject({
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "pay",
    "onceguard.action": "pay",
    "onceguard.risk_tier": "side_effecting",
    "onceguard.status": status,
    "onceguard.request_id": outcome.requestId,
    "onceguard.replayed": status === "replayed",
  });
  const isOwn = outcome.receipt?.requestId === outcome.requestId;
  expect(span?.attributes["onceguard.key_source"]).toBe(isOwn ? "business_key" : undefined);
  expect(span?.attributes["onceguard.attempt_number"]).toBe(isOwn ? outcome.receipt?.attemptNumber : undefined);
  expect(span?.attributes["onceguard.fencing_token"]).toBe(isOwn ? outcome.receipt?.fencingToken : undefined);

  const isError = status in ERRORS;
  expect(span?.status).toEqual({ code: isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET });
  expect(span?.attributes["error.type"]).toBe(ERRORS[status]);

  const { metric } = made.seen;
  expect(await metric("gen_ai.execute_tool.duration", { "onceguard.status": status })).toBe(1);
  const isDuplicate = status === "replayed" || status === "skipped" || status === "in_progress";
  expect(await metric("onceguard.duplicates_prevented")).toBe(isDuplicate ? 1 : undefined);
  expect(await metric("onceguard.replays")).toBe(status === "replayed" ? 1 : undefined);
});

it("counts an execution per effect, and never a replay or a refusal", async () => {
  const { guard, seen } = world();
  for (const orderId of ["A1", "A1", "A2", "lost", "refused"]) await guard.execute("pay", { orderId, amount: 5 });
  const about = { "onceguard.action": "pay", "onceguard.risk_tier": "side_effecting" };
  expect(await seen.metric("onceguard.executions", about)).toBe(2);
  expect(await seen.metric("onceguard.replays")).toBe(1);
  expect(await effects(seen)).toEqual({ happened: 2, cannot_tell: 1, did_not_happen: 1 });
});

async function effects({ metrics }: Told): Promise<Record<string, number>> {
  const found = (await metrics()).find(({ descriptor }) => descriptor.name === "onceguard.effect.duration");
  const points = (found?.dataPoints ?? []).map(({ attributes, value }) => [
    attributes["onceguard.answer"],
    (value as { count: number }).count,
  ]);
  return Object.fromEntries(points);
}

it("tells a misuse by its code", async () => {
  const { guard, seen } = world();
  const wrong = { orderId: "", amount: 5 };
  await expect(guard.execute("pay", wrong)).rejects.toMatchObject({ code: "missing_key_field" });
  expect(seen.span("execute_tool pay")).toMatchObject({
    attributes: { "error.type": "missing_key_field" },
    status: { code: SpanStatusCode.ERROR },
    events: [],
  });
});

it("has SafeAgent's names where they are wanted, and only there", async () => {
  const seen = told();
  const { guard } = testGuard([pay], { telemetry: openTelemetry({ ...seen, safeAgentNames: true }) });
  await guard.execute("pay", { orderId: "A1", amount: 5 });
  await guard.execute("pay", { orderId: "A1", amount: 5 });
  const names = seen.spansCalled("execute_tool pay").map(({ attributes }) => ({
    fired: attributes["safeagent.side_effect_fired"],
    returned: attributes["safeagent.receipt_returned"],
  }));
  expect(names).toEqual([
    { fired: true, returned: false },
    { fired: false, returned: true },
  ]);
  const plain = world();
  await plain.guard.execute("pay", { orderId: "A1", amount: 5 });
  expect(JSON.stringify(plain.seen.span("execute_tool pay").attributes)).not.toContain("safeagent");
});
