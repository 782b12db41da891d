import { type Context, serve, service } from "@restatedev/restate-sdk";
import { createGuard } from "onceguard";
import { guardRun } from "onceguard/restate";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { find, post } from "../support/http.ts";

/** The service of both sides, in a process of its own: it is killed. */
const [side, port, bank = "", database = ""] = process.argv.slice(2);

const Refund = z.object({ order: z.string(), amount: z.int() });
type Refund = z.infer<typeof Refund>;

const refund = (input: Refund): Promise<Refund> => post<Refund>(`${bank}/refunds`, input);

const guard = createGuard({ store: sqliteStore({ path: database }), lease: "1s" });
const refundOnce = guardRun(guard, refund, {
  action: "refund",
  input: Refund,
  keyFields: ["order"],
  probe: async ({ order }) => {
    const [result] = await find<Refund>(`${bank}/refunds`, { order });
    return result ? { answer: "happened", result } : { answer: "did_not_happen" };
  },
});

const handlers = {
  without: async (ctx: Context, input: Refund) => ctx.run("refund", () => refund(input)),
  with: async (ctx: Context, input: Refund) => refundOnce(ctx, input),
};
const paying = service({ name: `${side}_guard`, handlers: { refund: handlers[side as "with" | "without"] } });
await serve({ services: [paying], port: Number(port), logger: () => undefined });
process.once("disconnect", () => process.exit());
process.send?.("ready");
