import type { State } from "../../core/receipt.ts";
import { timeOnWire } from "../../wire/wire.ts";
import type { AnyOperation, Operation } from "../operation.ts";
import { jsonResponse } from "../outcome-response.ts";
import { answered } from "../schemas.ts";
import { COUNTED, type Counted, type Tallied } from "../tally.ts";
import { ofTenant } from "./receipts.ts";

const MINUTE_MS = 60_000;
/** How far back, and how wide a bar is. */
const WINDOWS = {
  "1h": [60 * MINUTE_MS, MINUTE_MS],
  "24h": [24 * 60 * MINUTE_MS, 30 * MINUTE_MS],
  "7d": [7 * 24 * 60 * MINUTE_MS, 180 * MINUTE_MS],
} as const;

/** Open requests are counted up to here: what matters is whether it is none, some or too many. */
const MOST_OPEN = 200;
const OLDEST = 8;
/** Longest wait for a log that has not been counted yet; the rest is counted while people look. */
const PATIENCE_MS = 250;

const WATCHED: readonly State[] = ["in_doubt", "review", "held", "retry_wait", "running"];

const overview: Operation = {
  name: "overview",
  method: "GET",
  path: "/v1/overview",
  tag: "Action log",
  summary:
    "What became of requests over time, how many duplicates were prevented, and what is open, longest waiting first.",
  description: `Open requests are counted up to ${MOST_OPEN}. While \`complete\` is false, more of the log is still being counted.`,
  roles: ["reviewer", "operator", "auditor"],
  query: { window: { enum: Object.keys(WINDOWS), description: "How far back: default 24h." } },
  answers: {
    200: answered(
      {
        totals: { type: "object" },
        prevented: { type: "object" },
        bars: { type: "array", items: { type: "object" } },
        open: { type: "object" },
        waiting: { type: "array", items: { type: "object" } },
        complete: { type: "boolean" },
      },
      ["totals", "prevented", "bars", "open", "waiting", "complete"],
    ),
  },
  readOnly: true,
  run: async ({ principal: { tenant }, query, service: { guard, tallies } }) => {
    const [spanMs, widthMs] = WINDOWS[(query.window ?? "24h") as keyof typeof WINDOWS];
    const until = (Math.floor(Date.now() / widthMs) + 1) * widthMs;
    const [tally, halts, ...open] = await Promise.all([
      tallies.of(tenant, PATIENCE_MS),
      guard.halts({ tenant, inForce: true, limit: MOST_OPEN }),
      ...WATCHED.map((state) =>
        guard.receipts({ tenant, states: [state], order: "longest_due", limit: MOST_OPEN + 1 }),
      ),
    ]);
    const bars = tally.bars(until - spanMs, until, widthMs);
    const [doubts = [], reviews = [], held = []] = open;
    const approvals = held.filter(({ hold }) => hold?.waitsFor === "approval" && !hold.approval);
    const waiting = [...reviews, ...approvals, ...doubts];
    waiting.sort((a, b) => a.updatedAt - b.updatedAt);
    return jsonResponse({
      from: timeOnWire(until - spanMs),
      until: timeOnWire(until),
      bar_ms: widthMs,
      complete: tally.complete && tally.since <= until - spanMs,
      counting: !tally.complete,
      counted_since: timeOnWire(Math.max(tally.since, until - spanMs)),
      totals: Object.fromEntries(COUNTED.map((name) => [name, sum(bars, name)])),
      prevented: {
        count: total(bars, "prevented"),
        amount: total(bars, "amount"),
        amount_known_for: total(bars, "amountOf"),
      },
      bars: bars.map(({ at, counts }) => ({ at: timeOnWire(at), ...counts })),
      open: {
        ...Object.fromEntries(WATCHED.map((state, n) => [state, Math.min(open[n]?.length ?? 0, MOST_OPEN)])),
        awaiting_approval: Math.min(approvals.length, MOST_OPEN),
      },
      counted_up_to: MOST_OPEN,
      halts: halts.length,
      waiting: waiting.slice(0, OLDEST).map(ofTenant),
    });
  },
};

function sum(bars: readonly Tallied[], name: Counted): number {
  return bars.reduce((all, { counts }) => all + counts[name], 0);
}

function total(bars: readonly Tallied[], name: "prevented" | "amount" | "amountOf"): number {
  return bars.reduce((all, bar) => all + bar[name], 0);
}

export const overviews: readonly AnyOperation[] = [overview];
