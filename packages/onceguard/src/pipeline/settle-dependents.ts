import type { Receipt } from "../core/receipt.ts";
import { settleCompensation } from "./compensation.ts";
import { settleCase } from "./finality.ts";
import type { Runtime } from "./runtime.ts";

/**
 * What waits for the end of this request is told, by whatever way it has ended: its finality case, and the request whose
 * effect it was to undo. Never throws: the record itself is written, and that is what its caller has to hear.
 */
export async function settleDependents(runtime: Runtime, receipt: Receipt): Promise<void> {
  try {
    if (receipt.state === "succeeded") await settleCase(runtime, receipt);
    await settleCompensation(runtime, receipt);
  } catch (error) {
    // What is missed here is made up for by whoever reads the case, or runs the correction again.
    runtime.report(error);
  }
}
