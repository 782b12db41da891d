// A process with a guard that closes it when told to, and then has nothing left to do. See postgres-close.test.ts.
import { defineAction } from "../../../src/core/action.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { postgresStore } from "../../../src/stores/postgres/postgres-store.ts";

const [, , url = "", when] = process.argv;
const action = defineAction({
  name: "pay",
  riskTier: "side_effecting",
  keyFields: ["order"],
  execute: ({ order }: { order: string }) => order,
});
const store = postgresStore({ url, statementTimeoutMs: 300 });
const guard = createGuard({ store, actions: [action], storeTimeout: 500, grace: 500 });
await Promise.all(["A1", "A2", "A3"].map((order) => guard.execute("pay", { order })));

process.once("message", async () => {
  const busy = when === "busy" ? guard.execute("pay", { order: `B-${process.pid}` }) : null;
  await guard.close();
  process.send?.((await busy)?.status ?? "closed");
  process.disconnect?.();
});
process.send?.("ready");
