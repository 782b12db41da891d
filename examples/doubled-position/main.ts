import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createGuard, defineAction } from "onceguard";
import { provider } from "onceguard/providers";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { find, post } from "../support/http.ts";
import { holds, money, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";

interface Order {
  readonly client_order_id: string;
  readonly symbol: string;
  readonly side: "buy" | "sell";
  readonly notional_cents: number;
}

const EQUITY_CENTS = 1_000_000;
const SIGNAL = { signal: "breakout-0412", symbol: "BTCUSDT", side: "buy", notional_cents: 3 * EQUITY_CENTS } as const;

/**
 * The order is filled, and the gateway in front of the exchange answers 504. The exchange compares a client_order_id with
 * open orders only, as the large ones do; a market order is filled at once, so that its id is free again.
 */
const TIMEOUT = { fault: "gateway_timeout" } as const;

await story("A market order timed out, and was filled", async () => {
  const without = await side("Without the guard", {}, async (exchange) => {
    await exchange.cue(TIMEOUT);
    const { signal: _, ...order } = SIGNAL;
    for (const attempt of [1, 2]) {
      try {
        await post(`${exchange.url}/orders`, { ...order, client_order_id: randomUUID() });
        say(`attempt ${attempt}: filled`);
        break;
      } catch (error) {
        say(`attempt ${attempt}: ${(error as Error).message}, so try again`);
      }
    }
    return position(exchange);
  });

  const guarded = await side("With the guard", {}, async (exchange) => {
    await exchange.cue(TIMEOUT);
    // The bot is restarted in between, and its strategy sees the same signal again.
    for (const life of ["the bot", "the bot, restarted"]) {
      const guard = guardOf(exchange);
      const outcome = await guard.execute("market_order", SIGNAL);
      say(`${life}: ${outcome.status}, known by ${outcome.receipt?.evidence}`);
      await guard.close();
    }
    return position(exchange);
  });

  console.log();
  holds("orders filled, without and with", [without.orders, guarded.orders], [2, 1]);
  holds("position without the guard", without.size, "60,000.00 (6x)");
  holds("position with the guard", guarded.size, "30,000.00 (3x)");
  holds("sending again under the same id would be safe here", isDedupKey("binance"), false);
});

function guardOf(exchange: World) {
  const marketOrder = defineAction({
    name: "market_order",
    riskTier: "irreversible",
    input: z.object({
      signal: z.string(),
      symbol: z.string(),
      side: z.enum(["buy", "sell"]),
      notional_cents: z.int(),
    }),
    keyFields: ["signal"],
    // No downstreamKey: this exchange would take the same id twice. But it can be asked by it.
    execute: ({ signal: _, ...order }, { idempotencyKey, signal }) =>
      post<Order>(`${exchange.url}/orders`, { ...order, client_order_id: idempotencyKey }, { signal }),
    probe: async (_, { idempotencyKey }) => {
      const [result] = await find<Order>(`${exchange.url}/orders`, { client_order_id: idempotencyKey });
      return result ? { answer: "happened", result } : { answer: "did_not_happen" };
    },
  });
  return createGuard({ store: sqliteStore({ path: join(exchange.folder, "onceguard.db") }), actions: [marketOrder] });
}

/** What the catalogue of providers says of a key: it refuses to make one of what does not dedupe. */
function isDedupKey(name: string): boolean {
  try {
    return provider(name) !== undefined;
  } catch (error) {
    say((error as Error).message);
    return false;
  }
}

function position(exchange: World) {
  const orders = exchange.effects<Order>("orders");
  const cents = orders.reduce((sum, { notional_cents }) => sum + notional_cents, 0);
  return { orders: orders.length, size: `${money(cents)} (${cents / EQUITY_CENTS}x)` };
}
