// A service of Restate's: the handlers that pay, guarded or as people write them.
import { type Context, handlers, type RunOptions, serve, service } from "@restatedev/restate-sdk";
import { guardRun } from "../../../src/adapters/restate/index.ts";
import { asWorker } from "../engine-workers/fork-worker.ts";
import { guardOn, type Payment, type PaymentOptions, payments } from "../engine-workers/payments.ts";

export interface RestateServiceOptions extends PaymentOptions {
  readonly port: number;
  /** Every story has a service of its own. */
  readonly service: string;
  readonly pause?: boolean;
}

const { options, ready, onAsk } = asWorker<RestateServiceOptions>();
const { pay, rule } = payments(options);
let attempts = 0;

const payOnce = options.guarded
  ? guardRun(guardOn(options.store), pay, { ...rule, pause: options.pause ?? false })
  : (ctx: Context, payment: Payment, run: RunOptions<unknown> = {}) => ctx.run("pay", () => pay(payment), run);

const paying = async (ctx: Context, payment: Payment) => {
  attempts++;
  return payOnce(ctx, payment);
};

const paymentsService = service({
  name: options.service,
  handlers: {
    pay: paying,
    /** Restate's patience with an attempt: half a second. */
    hurried: handlers.handler({ inactivityTimeout: 250, abortTimeout: 250 }, paying),
    /** Three attempts in all. */
    bounded: async (ctx: Context, payment: Payment) =>
      payOnce(ctx, payment, { maxRetryAttempts: 3, initialRetryInterval: 20 }),
    /** Two equal payments, both of them meant. */
    twice: async (ctx: Context, payment: Payment) => [await payOnce(ctx, payment), await payOnce(ctx, payment)],
  },
  options: { retryPolicy: { initialInterval: 20, maxInterval: 200 } },
});

onAsk(() => attempts);
await serve({ services: [paymentsService], port: options.port, logger: () => undefined });
ready();
