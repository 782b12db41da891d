import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createGuard, defineAction } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { find, post } from "../support/http.ts";
import { holds, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";

/** A change of a ticket, whoever made it. */
interface Change {
  readonly ticket: string;
  readonly kind: "comment" | "escalation";
  readonly text: string;
}

const TICKETS = ["T-1", "T-2", "T-3"];

/** The agent wakes up every 20 minutes, for six hours. */
const WAKES = Array.from({ length: 19 }, (_, wake) => wake * 20);

await story("An agent that its own write wakes up", async () => {
  const without = await side("Without the guard", {}, async (desk) => {
    const agent = agentOf(desk, (change) => post(`${desk.url}/changes`, change));
    await complain(desk);
    for (const _minute of WAKES) await agent.wake();
    return escalations(desk);
  });
  say(`${without.length} escalations of ${TICKETS.length} tickets`);

  const guarded = await side("With the guard", {}, async (desk) => {
    const escalate = defineAction({
      name: "escalate",
      riskTier: "side_effecting",
      record: ({ ticket }: Change) => `ticket:${ticket}`,
      dedupWindow: "24h",
      execute: (change, { signal }) => post<Change>(`${desk.url}/changes`, change, { signal }),
    });
    let now = Date.now();
    const store = sqliteStore({ path: join(desk.folder, "onceguard.db"), clock: () => now });
    const guard = createGuard({ store, actions: [escalate] });
    const skips: { requestId: string; earlier: string | undefined }[] = [];

    // The host's ids are new at every wake, as the model's words are: neither tells that it is the same thing again.
    const agent = agentOf(desk, async (change) => {
      const outcome = await guard.execute("escalate", change, {
        host: { scope: "support-agent", callId: randomUUID() },
      });
      say(`${change.ticket}: ${outcome.status}`);
      if (outcome.status === "skipped") {
        skips.push({ requestId: outcome.requestId, earlier: outcome.receipt.requestId });
      }
    });
    const begin = now;
    await complain(desk);
    for (const minute of WAKES) {
      now = begin + minute * 60_000;
      await agent.wake();
    }
    const first = escalations(desk);

    say("the next day the customers complain again:");
    now = begin + 25 * 3_600_000;
    await complain(desk);
    await agent.wake();

    // A skip is no secret: it is in the log, with the receipt of the escalation that it would have repeated.
    const logged = await Promise.all(
      skips.map(async ({ requestId, earlier }) => {
        const [entry] = await guard.log(requestId);
        return entry?.event === "skipped" && entry.detail?.includes(earlier ?? "none");
      }),
    );
    await guard.close();
    return { first, afterwards: escalations(desk), logged };
  });

  console.log();
  holds("escalations in six hours, without", without.length, 57);
  holds("escalations in six hours, with", guarded.first, TICKETS);
  holds("skips in the log, each with the earlier receipt", guarded.logged, [true, true, true]);
  holds("escalations with the guard by the next day", guarded.afterwards.length, 6);
});

/** Escalates every ticket that has changed since it last looked. Its own escalations are changes. */
function agentOf(desk: World, escalate: (change: Change) => Promise<unknown>) {
  let seen = 0;
  let wakes = 0;
  return {
    wake: async () => {
      const changes = await find<Change>(`${desk.url}/changes`);
      const changed = new Set(changes.slice(seen).map(({ ticket }) => ticket));
      seen = changes.length;
      wakes += 1;
      for (const ticket of changed) {
        await escalate({ ticket, kind: "escalation", text: `Customer still waits (assessment ${wakes}).` });
      }
    },
  };
}

async function complain(desk: World): Promise<void> {
  for (const ticket of TICKETS) {
    await post(`${desk.url}/changes`, { ticket, kind: "comment", text: "It does not work." } satisfies Change);
  }
}

function escalations(desk: World): readonly string[] {
  const changes = desk.effects<Change>("changes");
  return changes.filter(({ kind }) => kind === "escalation").map(({ ticket }) => ticket);
}
