import type { LedgerEntry } from "./ledger.ts";
import type { Payment, PaymentOrder } from "./payment.ts";

/** What goes wrong with one payment request. */
export type Fault =
  /** Pays, then cuts the connection instead of answering. */
  | "lose_response"
  /** Pays, then never answers. */
  | "hang"
  /** Pays, then answers 500. */
  | "error_500"
  /** Does not pay, and answers 503. */
  | "error_503";

/** How the provider treats one account. */
export interface AccountTerms {
  /** Honours `Idempotency-Key`: the same key is the same payment, concurrent requests included. */
  readonly idempotencyKeys: boolean;
  /** Payments can be looked up by invoice. */
  readonly lookup: boolean;
  /** What goes wrong with the first requests to pay, in their order. All later ones go well. */
  readonly faults: readonly Fault[];
  /** How long an answer takes, after the payment has been made. */
  readonly answerAfterMs: number;
}

/** An answer that is not 2xx. The guard reads `status` to tell a refusal from a doubt. */
export class ProviderError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ProviderError";
    this.status = status;
  }
}

export interface PayOptions {
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

/** What a payment provider's SDK gives you, for one account. */
export function providerClient(provider: string, account: string) {
  const payments = `${provider}/accounts/${account}/payments`;
  return {
    pay: (order: PaymentOrder, { idempotencyKey, signal }: PayOptions): Promise<Payment> =>
      request(payments, { method: "POST", body: order, headers: { "Idempotency-Key": idempotencyKey }, signal }),
    find: async (invoice: string, signal: AbortSignal): Promise<Payment | null> => {
      const found = await request<LedgerEntry[]>(`${payments}?invoice=${encodeURIComponent(invoice)}`, { signal });
      return found[0] ?? null;
    },
  };
}

export type ProviderClient = ReturnType<typeof providerClient>;

/** For the demo itself: a new account on these terms. */
export async function openAccount(provider: string, account: string, terms: AccountTerms): Promise<void> {
  await request(`${provider}/accounts/${account}`, { method: "PUT", body: terms });
}

interface RequestOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

async function request<Answer>(url: string, { body, ...options }: RequestOptions): Promise<Answer> {
  const response = await fetch(url, { ...options, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const answer = (await response.json()) as { error?: string };
  if (!response.ok) throw new ProviderError(response.status, `${response.status} ${answer.error}`);
  return answer as Answer;
}
