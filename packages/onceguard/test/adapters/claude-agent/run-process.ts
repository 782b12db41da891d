// One agent with its tool, in a process of its own. run-process.ts <guarded|unguarded> <port> <store> <tool use id>
import { z } from "zod";
import { guardTool } from "../../../src/adapters/claude-agent/index.ts";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";
import { flakyWorldClient } from "../../support/flaky-world-client.ts";
import { text, tool, use } from "./claude.ts";

const [way, port, path, id] = process.argv.slice(2) as [string, string, string, string];
const world = flakyWorldClient(Number(port));
// A lease that is over when the next process comes.
const guard = createGuard({ store: sqliteStore({ path }), lease: "1s", wait: "5s", sweepEvery: false });
const definition = tool("charge", "", { order: z.string(), cents: z.number() }, async ({ order, cents }) =>
  text(JSON.stringify(await world.send(order, cents))),
);
const probe = async ({ order }: { order: string }) => {
  const found = await world.lookUp(order);
  return found
    ? { answer: "happened" as const, result: text(JSON.stringify(found)) }
    : { answer: "did_not_happen" as const };
};
const charge = way === "guarded" ? guardTool(guard, definition, { keyFields: ["order"], probe }) : definition;
const { told } = await use("desk", charge, { id, args: { order: "A1", cents: 500 } });
process.send?.(told, () => process.disconnect());
await guard.close();
