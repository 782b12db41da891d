import { request } from "node:http";
import { defineAction } from "../../src/core/action.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";

/** Flags or corrects, in a process of its own that can be killed; the shipments are those of whoever started it. */
export interface Order {
  readonly store: StoreAddress;
  readonly world: string;
  readonly does: "flag" | "correct";
  readonly count: number;
}

const order = JSON.parse(process.argv[2] ?? "") as Order;

const flag = defineAction({
  name: "flag",
  riskTier: "side_effecting",
  keyFields: ["id"],
  record: (p: { id: string }) => `shipment:${p.id}`,
  before: ({ id }) => call("GET", id),
  execute: ({ id }) => call("PUT", id, { priority: "urgent" }),
  compensate: ({ id }, { before }) => call("PUT", `${id}?undo`, before),
  settleDelay: "100ms",
  retry: { base: "20ms" },
});

const guard = createGuard({
  store: order.store.kind === "sqlite" ? sqliteStore(order.store) : postgresStore(order.store),
  actions: [flag],
  lease: "400ms",
  spill: false,
  sweepEvery: false,
});

if (order.does === "flag") {
  const all = Array.from({ length: order.count }, (_, n) => guard.execute("flag", { id: `s${n}` }, { runId: "run-1" }));
  await Promise.all(all);
  process.send?.((await guard.blastRadius({ runId: "run-1" })).plan);
} else {
  const plan = await new Promise<Parameters<typeof guard.correct>[0]>((resolve) =>
    process.once("message", (message) => resolve(message as never)),
  );
  process.send?.(await guard.correct(plan, { token: plan.token, actor: "ada", reason: "the rule was wrong" }));
}
await guard.close();
process.disconnect?.();

function call(method: string, path: string, body?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request(`${order.world}/${path}`, { method }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      answer.on("end", () => resolve(JSON.parse(text)));
    });
    asked.on("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
