import { guardOn } from "./payments.ts";
import { until } from "./until.ts";

/** A person looks into the ledger, and says that what waits for a decision has happened. */
export async function decide(store: string, before = async (): Promise<void> => undefined): Promise<void> {
  const guard = guardOn(store);
  await until("it waits for a person", async () => (await guard.reviews()).length > 0);
  await before();
  const [open] = await guard.reviews();
  await guard.resolve(open?.requestId ?? "", { decision: "happened", actor: "ops", reason: "it is in the ledger" });
  await guard.close();
}
