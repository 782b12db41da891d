import { createGuard, defineAction, type EffectContext, type ProbeAnswer, unwrap } from "../../../index.ts";
import { openStore, parseStoreUrl } from "../../open-store.ts";
import type { AgentJob } from "./messages.ts";
import { type Payment, type PaymentOrder, PaymentOrderSchema } from "./payment.ts";
import type { PaymentTool } from "./payment-tool.ts";
import type { ProviderClient } from "./provider-client.ts";

/** The same tool behind the guard. This is all the code it takes. */
export async function guardedTool(client: ProviderClient, job: AgentJob): Promise<PaymentTool> {
  const payInvoice = defineAction({
    name: "pay_invoice",
    riskTier: "irreversible",
    input: PaymentOrderSchema,
    record: (order) => `invoice:${order.invoice}`,
    keyFields: ["invoice"], // one payment per invoice, whoever asks and in whatever words
    volatile: ["note"],
    timeout: job.timeoutMs,
    ...(job.terms.idempotencyKeys ? byKey : byLookup(client)),
    execute: (order, { idempotencyKey, signal }) => client.pay(order, { idempotencyKey, signal }),
  });

  const guard = createGuard({
    store: await openStore(parseStoreUrl(job.store, process.cwd()), true),
    actions: [payInvoice],
    lease: "2s", // short, because the demo waits for leases of processes it has killed
    sweepEvery: false, // nothing in the background: what the calls themselves do is what is shown
  });

  return {
    call: async ({ order }) => {
      const outcome = await guard.execute("pay_invoice", order, { runId: job.runId, actor: "demo agent" });
      return { status: outcome.status, payment: unwrap(outcome) };
    },
    close: () => guard.close(),
  };
}

/** How a doubt is settled where the provider honours keys: the same request again is the same payment. */
const byKey = { downstreamKey: { lifetime: "24h" } };

/** How a doubt is settled where it does not: by asking what has been paid. */
function byLookup(client: ProviderClient) {
  return {
    probe: async (order: PaymentOrder, { signal }: EffectContext): Promise<ProbeAnswer<Payment>> => {
      const payment = await client.find(order.invoice, signal);
      return payment ? { answer: "happened", result: payment } : { answer: "did_not_happen" };
    },
    settleDelay: "300ms", // a request of a process that has just died may still be on its way
  };
}
