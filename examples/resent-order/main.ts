import { join } from "node:path";
import type { EachBatchPayload } from "kafkajs";
import { createGuard } from "onceguard";
import { guardConsumer } from "onceguard/kafka";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { post } from "../support/http.ts";
import { holds, say, side, story } from "../support/story.ts";
import { Partition } from "./partition.ts";

const Order = z.object({ order: z.string(), item: z.string() });
type Order = z.infer<typeof Order>;

const ORDER: Order = { order: "A-1001", item: "bearing 6204" };

await story("An order that Kafka delivers four times", async () => {
  /** A producer that heard nothing, and a consumer that died before its commit. */
  const deliver = async (eachBatch: (batch: EachBatchPayload) => Promise<void>): Promise<void> => {
    const partition = new Partition();
    partition.append(ORDER);
    partition.append(ORDER);
    say("the producer got no answer, and sent the order again: offsets 0 and 1");
    await partition.consume(eachBatch);
    partition.diesBeforeCommit();
    say("the consumer died before its commit: the next one begins with offset 0");
    await partition.consume(eachBatch);
    partition.commit();
  };

  const without = await side("Without the guard", {}, async (supplier) => {
    await deliver(async ({ batch, resolveOffset }) => {
      for (const { value, offset } of batch.messages) {
        await post(`${supplier.url}/orders`, JSON.parse(String(value)));
        resolveOffset(offset);
      }
    });
    return supplier.effects("orders").length;
  });

  const guarded = await side("With the guard", {}, async (supplier) => {
    const guard = createGuard({ store: sqliteStore({ path: join(supplier.folder, "onceguard.db") }) });
    const { eachBatch } = guardConsumer(guard, (order: Order) => post<Order>(`${supplier.url}/orders`, order), {
      action: "order_goods",
      input: Order,
      keyFields: ["order"],
      deadLetter: (_job, why) => say(why.message),
    });
    await deliver(eachBatch);
    await guard.close();
    return supplier.effects("orders").length;
  });

  console.log();
  holds("orders without the guard", without, 4);
  holds("orders with the guard", guarded, 1);
});
