import type { PaymentTool } from "./payment-tool.ts";
import type { ProviderClient } from "./provider-client.ts";

/**
 * The payment tool as it is usually written, and carefully at that: with a time-out, and with the tool call's id as
 * `Idempotency-Key`. That key names the attempt and not the intent, so it protects from nothing that an agent does.
 */
export function unguardedTool(client: ProviderClient, timeoutMs: number): PaymentTool {
  return {
    call: async ({ id, order }) => {
      const payment = await client.pay(order, { idempotencyKey: id, signal: AbortSignal.timeout(timeoutMs) });
      return { status: "paid", payment };
    },
    close: async () => undefined,
  };
}
