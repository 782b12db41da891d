import type { Schema } from "../../../core/action.ts";

/** What the agent asks for: pay this invoice. The note is prose, and no two notes of a model are alike. */
export interface PaymentOrder {
  readonly invoice: string;
  /** In hundredths, so that it is a whole number. */
  readonly amount_cents: number;
  readonly note: string;
}

/** What the provider answers when it has paid. */
export interface Payment {
  readonly payment_id: string;
  readonly invoice: string;
  readonly amount_cents: number;
}

/** A Standard Schema by hand; in your own code this is zod, valibot or arktype. */
export const PaymentOrderSchema: Schema<PaymentOrder, PaymentOrder> = {
  "~standard": {
    version: 1,
    vendor: "onceguard-demo",
    validate: (input) => {
      const { invoice, amount_cents, note } = (input ?? {}) as Partial<Record<keyof PaymentOrder, unknown>>;
      if (typeof invoice !== "string" || invoice === "") return issue("invoice", "must name an invoice");
      if (!Number.isSafeInteger(amount_cents) || (amount_cents as number) <= 0) {
        return issue("amount_cents", "must be a whole number above 0");
      }
      if (typeof note !== "string") return issue("note", "must be a text");
      return { value: { invoice, amount_cents: amount_cents as number, note } };
    },
  },
};

function issue(field: keyof PaymentOrder, message: string) {
  return { issues: [{ message, path: [field] }] };
}
