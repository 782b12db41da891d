import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { takeJob } from "./child-side.ts";
import { guardedTool } from "./guarded-tool.ts";
import type { AgentJob, AgentMessage, Answer } from "./messages.ts";
import type { PaymentTool, ToolCall } from "./payment-tool.ts";
import { type ProviderClient, providerClient } from "./provider-client.ts";
import { unguardedTool } from "./unguarded-tool.ts";

const WORDINGS = [
  "Paying the supplier's invoice as agreed.",
  "The invoice is still open, so I am settling it now.",
  "Settlement of the outstanding balance, requested by accounting.",
  "As the payment does not seem to have gone through, paying the invoice again.",
] as const;

/**
 * An agent that pays an invoice and does what agent frameworks do with an error: show it to the model, which then calls
 * the tool again. Guarded or not, it is the same agent; only the tool it is given differs.
 */
const { job, tell, finish } = await takeJob<AgentJob, AgentMessage>();
const client = withKillPoint(providerClient(job.provider, job.account));
const tool = job.side === "guarded" ? await guardedTool(client, job) : unguardedTool(client, job.timeoutMs);
const answers = await Promise.all(Array.from({ length: job.calls }, () => payInvoice(tool)));
await tool.close();
finish({ type: "done", answers });

async function payInvoice(tool: PaymentTool): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const decision = decide(tries);
    tell({ type: "called", at: Date.now(), call: decision.id, note: decision.order.note });
    try {
      const { status, payment } = await tool.call(decision);
      const answer: Answer = { status, tries, payment_id: payment.payment_id, error: null };
      tell({ type: "answered", at: Date.now(), answer });
      return answer;
    } catch (error) {
      tell({ type: "failed", at: Date.now(), call: decision.id, error: String(error) });
      if (tries === job.maxTries) return { status: "error", tries, payment_id: null, error: String(error) };
      await pause(50);
    }
  }
}

/** Stands in for the model: the same intent each time, under a new tool call id and in other words. */
function decide(tries: number): ToolCall {
  const { invoice, amountCents } = job;
  const note = WORDINGS[(job.wording + tries - 1) % WORDINGS.length] as string;
  return { id: `call_${randomUUID()}`, order: { invoice, amount_cents: amountCents, note } };
}

/** Where the demo wants to kill this process: all is decided, and not a byte has been sent. */
function withKillPoint(client: ProviderClient): ProviderClient {
  if (!job.pauseBeforeSend) return client;
  return {
    ...client,
    pay: async () => {
      tell({ type: "before_send" });
      return new Promise<never>(() => undefined);
    },
  };
}
