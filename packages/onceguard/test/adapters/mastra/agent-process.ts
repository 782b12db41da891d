// One life of a desk with a durable store. agent-process.ts <guarded|unguarded> <port> <files> <order>
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { deskOf, refundCall } from "./desk.ts";
import { fileStore } from "./file-store.ts";

const [way, port, files, order] = process.argv.slice(2) as [string, string, string, string];
// A lease that is over when the next process comes.
const guard = createGuard({ store: sqliteStore({ path: `${files}.db` }), lease: "1s", wait: "3s", sweepEvery: false });
const storage = fileStore(`${files}.runs`);
const isFirst = !existsSync(`${files}.run-id`);
const { desk, told } = deskOf(
  Number(port),
  { ...(way === "guarded" && { guard }), storage, requireApproval: true },
  ...(isFirst ? [[refundCall(order, "call_1")]] : []),
);
if (isFirst) {
  const paused = await desk.generate("refund it");
  writeFileSync(`${files}.run-id`, paused.runId ?? "");
}
const runId = readFileSync(`${files}.run-id`, "utf8");
const { suspendPayload } = await desk.approveToolCallGenerate({ runId, toolCallId: "call_1" });
process.send?.({ suspended: suspendPayload?.suspendPayload ?? null, told }, () => process.disconnect());
await guard.close();
