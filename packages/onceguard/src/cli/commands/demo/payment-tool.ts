import type { Payment, PaymentOrder } from "./payment.ts";

/** One decision of the model to use the tool. Every decision has an id of its own, also when it is the same decision. */
export interface ToolCall {
  readonly id: string;
  readonly order: PaymentOrder;
}

/** The payment tool as the agent sees it; it throws what went wrong. */
export interface PaymentTool {
  call(toolCall: ToolCall): Promise<{ readonly status: string; readonly payment: Payment }>;
  close(): Promise<void>;
}
