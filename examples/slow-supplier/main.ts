import { join } from "node:path";
import { createGuard, defineAction } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { find, post } from "../support/http.ts";
import { holds, say, side, story, until } from "../support/story.ts";
import type { World } from "../support/world.ts";

interface Order {
  readonly reference: string;
  readonly item: string;
  readonly quantity: number;
}

const ORDER: Order = { reference: "PO-2291", item: "bearing 6204", quantity: 400 };

/** The supplier knows no dedup key, and its list of orders lags behind. It accepts at once, and acknowledges too late. */
const SUPPLIER = { lag: true };
const SLOW = { fault: "hold", times: 4 } as const;

await story("A purchase order, and a supplier that is slow to acknowledge", async () => {
  const without = await side("Without the guard", SUPPLIER, async (supplier) => {
    await supplier.cue(SLOW);
    for (const attempt of [1, 2, 3, 4]) {
      try {
        await send(supplier, ORDER);
      } catch {
        // A careful client even looks before it orders again. The list does not show the order yet.
        const listed = await find<Order>(`${supplier.url}/orders`, { reference: ORDER.reference });
        say(`attempt ${attempt}: timed out, ${listed.length} in the supplier's list, so order again`);
      }
    }
    return supplier.effects<Order>("orders");
  });

  const guarded = await side("With the guard", SUPPLIER, async (supplier) => {
    await supplier.cue(SLOW);
    const order = defineAction({
      name: "order_goods",
      riskTier: "irreversible",
      input: z.object({ reference: z.string(), item: z.string(), quantity: z.int() }),
      keyFields: ["reference"],
      execute: (payload) => send(supplier, payload),
      probe: async ({ reference }) => {
        const [result] = await find<Order>(`${supplier.url}/orders`, { reference });
        return result ? { answer: "happened", result } : { answer: "did_not_happen" };
      },
      settleDelay: "1m", // the list may be that far behind: before, "not in it" means nothing
    });
    let ahead = 0;
    const store = sqliteStore({ path: join(supplier.folder, "onceguard.db"), clock: () => Date.now() + ahead });
    const guard = createGuard({ store, actions: [order] });

    for (const attempt of [1, 2, 3, 4]) {
      const outcome = await guard.execute("order_goods", ORDER);
      say(`attempt ${attempt}: ${outcome.status}`);
    }
    await supplier.catchUp();
    ahead = 61_000;
    await guard.reconcile(); // what the guard's sweeper does by itself, every five seconds
    const outcome = await guard.execute("order_goods", ORDER);
    say(`a minute later: ${outcome.status}, known by ${outcome.receipt?.evidence}`);
    await guard.close();
    return supplier.effects<Order>("orders");
  });

  console.log();
  holds("orders without the guard", without.length, 4);
  holds("bearings without the guard", total(without), 1_600);
  holds("orders with the guard", guarded.length, 1);
  holds("bearings with the guard", total(guarded), 400);
});

/**
 * Sends an order, and does not wait long for the answer. How long that is must not depend on how busy this machine is: here
 * it is until the supplier has the order.
 */
async function send(supplier: World, order: Order): Promise<Order> {
  const before = supplier.requests("orders").length;
  const patience = new AbortController();
  const answer = post<Order>(`${supplier.url}/orders`, order, { signal: patience.signal });
  const timeout = until("the supplier has the order", () => supplier.requests("orders").length > before).then(() =>
    patience.abort(new DOMException("no answer in time", "TimeoutError")),
  );
  return (await Promise.all([answer, timeout]))[0];
}

function total(orders: readonly Order[]): number {
  return orders.reduce((sum, { quantity }) => sum + quantity, 0);
}
