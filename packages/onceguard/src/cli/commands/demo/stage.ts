import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createGuard } from "../../../pipeline/create-guard.ts";
import { openStore, parseStoreUrl } from "../../open-store.ts";
import { startChild } from "./child.ts";
import type { ProviderJob, ProviderMessage } from "./messages.ts";
import type { Stage } from "./run-scenario.ts";

/** Node's compiled code, beside what a demo leaves behind on purpose. */
export const COMPILE_CACHE = "compiled";

/** Sets up what all scenarios share (the store, and the provider with its ledger), lets them play, and closes it. */
export async function withStage<Answer>(
  storeUrl: string,
  folder: string,
  signal: AbortSignal,
  work: (stage: Stage) => Promise<Answer>,
): Promise<Answer> {
  const ledger = join(folder, "ledger.jsonl");
  const guard = createGuard({
    store: await openStore(parseStoreUrl(storeUrl, process.cwd()), true),
    sweepEvery: false,
  });
  const children = { signal, compileCache: join(folder, COMPILE_CACHE) };
  try {
    await guard.receipts({ limit: 1 }); // a store that cannot be used is said before anything starts
    const provider = await startChild<ProviderJob, ProviderMessage>("provider", children);
    const listening = provider.next("listening");
    provider.start({ ledger });
    return await work({
      // In a store that is used again, the invoices of an earlier demo have been paid already.
      runId: randomBytes(4).toString("hex"),
      provider,
      providerUrl: (await listening).url,
      ledger,
      storeUrl,
      guard,
      children,
    });
  } finally {
    await guard.close();
  }
}
