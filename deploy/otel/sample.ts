/**
 * A refund whose answer gets lost, found by its probe, and asked for again through another guard; and one that a person has to
 * look at. Prints what became of them, and on stderr what OpenTelemetry is told.
 *
 *   node deploy/otel/sample.ts     (in the repository, after `npm run build`)
 */
import "./register.ts";
import assert from "node:assert/strict";
import { createGuard, defineAction } from "onceguard";
import { memoryStore } from "onceguard/memory";
import { openTelemetry } from "onceguard/otel";

const refunded = new Map<string, number>();

const refund = defineAction({
  name: "refund_payment",
  riskTier: "side_effecting",
  keyFields: ["orderId"],
  probe: async ({ orderId }: { orderId: string; amount: number }) =>
    refunded.has(orderId) ? { answer: "happened", result: { orderId } } : { answer: "did_not_happen" },
  execute: async ({ orderId, amount }) => {
    if (amount <= 0) throw Object.assign(new Error("amount must be positive"), { status: 422 });
    refunded.set(orderId, (refunded.get(orderId) ?? 0) + amount);
    if (orderId === "A1") throw new Error("socket hang up");
    return { orderId };
  },
});

const store = memoryStore();
const guards = [1, 2].map(() =>
  createGuard({ store, actions: [refund], sweepEvery: false, telemetry: openTelemetry() }),
);
const calls = [
  { orderId: "A1", amount: 500 },
  { orderId: "A1", amount: 500 },
  { orderId: "A2", amount: 70 },
  { orderId: "A3", amount: 0 },
];

const statuses: string[] = [];
for (const [n, call] of calls.entries()) {
  const { status } = (await guards[n % 2]?.execute("refund_payment", call)) ?? {};
  statuses.push(status ?? "none");
  console.log(`${call.orderId}: ${status}`);
}
await guards[0]?.reconcile();

assert.deepEqual(statuses, ["executed", "replayed", "executed", "review"]);
assert.deepEqual(
  [...refunded],
  [
    ["A1", 500],
    ["A2", 70],
  ],
);
