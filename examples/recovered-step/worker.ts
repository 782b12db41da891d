import { join } from "node:path";
import { DBOS } from "@dbos-inc/dbos-sdk";
import { createGuard } from "onceguard";
import { guardStep } from "onceguard/dbos";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { find, post } from "../support/http.ts";

interface Ticket {
  readonly ticket: string;
  readonly cents: number;
}

const [postgres = "", airline = "", folder = "", how = ""] = process.argv.slice(2);

const buy = (ticket: Ticket) => post<Ticket>(`${airline}/tickets`, ticket);

function guarded() {
  const guard = createGuard({ store: sqliteStore({ path: join(folder, "onceguard.db") }), lease: "2s" });
  return guardStep(DBOS, guard, buy, {
    action: "buy_ticket",
    riskTier: "irreversible",
    input: z.object({ ticket: z.string(), cents: z.int() }),
    keyFields: ["ticket"],
    probe: async ({ ticket }) => {
      const [found] = await find<Ticket>(`${airline}/tickets`, { ticket });
      return found ? { answer: "happened", result: found } : { answer: "did_not_happen" };
    },
  });
}

const buying = how === "guarded" ? guarded() : (ticket: Ticket) => DBOS.runStep(() => buy(ticket), { name: "buy" });
const travel = DBOS.registerWorkflow(async (ticket: Ticket) => void (await buying(ticket)), { name: how });

const quiet = () => undefined;
const logger = { info: quiet, debug: quiet, warn: quiet, error: quiet };
DBOS.setConfig({ name: `travel-${how}`, systemDatabaseUrl: postgres, applicationVersion: how, logger });
await DBOS.launch(); // recovers what an earlier process of this executor has left
process.send?.("ready");

const ticket = { ticket: "LH-440", cents: 41_900 };
const handle = await DBOS.startWorkflow(travel, { workflowID: `trip-${how}` })(ticket);
await handle.getResult();
