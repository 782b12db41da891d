import { join } from "node:path";
import { Worker } from "bullmq";
import { createGuard } from "onceguard";
import { guardProcessor } from "onceguard/bullmq";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { find, post } from "../support/http.ts";

interface Refund {
  readonly refund: string;
  readonly cents: number;
}

const [redis = "", bank = "", folder = "", how = ""] = process.argv.slice(2);

const refund = (payload: Refund) => post<Refund>(`${bank}/refunds`, payload);

function guarded() {
  const guard = createGuard({ store: sqliteStore({ path: join(folder, "onceguard.db") }), lease: "2s" });
  return guardProcessor(guard, refund, {
    action: "refund",
    riskTier: "irreversible",
    input: z.object({ refund: z.string(), cents: z.int() }),
    keyFields: ["refund"],
    probe: async ({ refund }) => {
      const [found] = await find<Refund>(`${bank}/refunds`, { refund });
      return found ? { answer: "happened", result: found } : { answer: "did_not_happen" };
    },
  });
}

const processor = how === "guarded" ? guarded() : ({ data }: { data: Refund }) => refund(data);

// Short, so that the example need not wait: BullMQ's own are 30 s.
const timing = { lockDuration: 500, stalledInterval: 250 };
const worker = new Worker(how, processor, { connection: { url: redis }, ...timing });
await worker.waitUntilReady();
process.send?.("ready");
