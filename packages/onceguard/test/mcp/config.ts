import type { Shop } from "./shop.ts";

/** Actions on the shop, as a config file describes them. */
export function shopConfig({ url }: Shop): Record<string, unknown> {
  const order = { kind: "http", method: "POST", url: `${url}/orders`, keyFields: ["ref"], volatile: ["note"] };
  return {
    store: "sqlite:receipts.db",
    actions: [
      { ...order, name: "order", riskTier: "side_effecting", record: "order:{ref}" },
      { ...order, name: "careful_order", riskTier: "side_effecting", version: "1" },
      {
        ...order,
        name: "probed_order",
        riskTier: "side_effecting",
        idempotencyHeader: "Idempotency-Key",
        probe: { url: `${url}/orders?ref={ref}`, happenedWhen: "items[0].id" },
        retry: { base: "50ms" },
      },
      { ...order, name: "keyless_order", riskTier: "side_effecting", keyFields: undefined },
      { ...order, name: "strict_order", riskTier: "irreversible", keyFields: undefined },
    ],
    rules: [{ action: "careful_order", verdict: "review", reason: "orders of this kind need a person" }],
  };
}
