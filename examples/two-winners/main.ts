import { join } from "node:path";
import { createGuard, defineAction, type OutcomeSignal } from "onceguard";
import { sqliteStore } from "onceguard/sqlite";
import { z } from "zod";
import { post } from "../support/http.ts";
import { holds, say, side, story } from "../support/story.ts";
import type { World } from "../support/world.ts";

interface Payout {
  readonly match: string;
  readonly winner: string;
}

/** Two sources confirm match M-1, and they do not agree; the first of them says it twice. */
const ANN = signal("referee", "ann", 1);
const BOB = signal("scoreboard", "bob", 2);
const CONFIRMATIONS = [ANN, BOB, ANN];

interface Trace {
  readonly name: string;
  readonly signals: readonly OutcomeSignal[];
  /** What a person chooses of it. */
  readonly person: string;
  /** Comes after the payout. */
  readonly later?: OutcomeSignal;
}

/** The traces of SafeAgent's settlement examples. */
const TRACES: readonly Trace[] = [
  { name: "clean", signals: [signal("A", "YES", 1)], person: "YES" },
  { name: "conflict", signals: [signal("A", "YES", 1), signal("B", "NO", 2)], person: "YES" },
  {
    name: "duplicate and late",
    signals: [signal("A", "YES", 1), signal("A", "YES", 1)],
    person: "YES",
    later: signal("B", "NO", 2),
  },
  {
    name: "majority of three",
    signals: [signal("A", "YES", 1), signal("B", "NO", 2), signal("C", "NO", 3)],
    person: "NO",
  },
];

await story("Two confirmations, two winners of one match", async () => {
  const without = await side("Without the guard", {}, async (bank) => {
    const done = new Set<string>();
    for (const { outcome: winner } of CONFIRMATIONS) {
      // Even deduped by match and winner: it is the second winner that should not be.
      if (done.has(winner)) continue;
      done.add(winner);
      await post(`${bank.url}/payouts`, { match: "M-1", winner });
      say(`paid ${winner}`);
    }
    return winners(bank);
  });

  const guarded = await side("With the guard", {}, async (bank) => {
    const guard = guardOf(bank);
    const match = guard.case("match:M-1");
    for (const confirmation of CONFIRMATIONS) {
      const { verdict } = await match.signal(confirmation);
      const outcome = await guard.execute("pay_winner", { match: "M-1", winner: confirmation.outcome });
      const why = outcome.status === "denied" ? `: ${outcome.reason}` : "";
      say(`${confirmation.source}: ${confirmation.outcome}, ${verdict}; the payout is ${outcome.status}${why}`);
    }
    const { state, late } = await match.get();
    await guard.close();
    return { paid: winners(bank), state, late: late.map(({ outcome }) => outcome) };
  });

  const traces = await side(
    "With the guard, SafeAgent's four traces: two have to agree, or a person decides",
    {},
    async (bank) => {
      const guard = guardOf(bank, { minSources: 2 });
      const paid: Record<string, string> = {};
      for (const { name, signals, person, later } of TRACES) {
        const match = guard.case(`match:${name}`);
        const payAll = async () => {
          for (const { outcome: winner } of signals) await guard.execute("pay_winner", { match: name, winner });
        };
        const states: string[] = [];
        for (const each of signals) states.push((await match.signal(each)).case.state);
        await payAll();
        const early = winners(bank, name).length;
        await match.finalize({ outcome: person, actor: "ada", reason: "saw the recording" });
        await payAll();
        states.push((await match.get()).state);
        if (later) states.push((await match.signal(later)).verdict);
        await payAll();
        paid[name] = `${early} before, then ${winners(bank, name).join(" and ")}`;
        say(`${name.padEnd(18)} ${paid[name]} (${states.join(", ")})`);
      }
      await guard.close();
      return paid;
    },
  );

  console.log();
  holds("paid without the guard", without, ["ann", "bob"]);
  holds("paid with the guard", guarded.paid, ["ann"]);
  holds("the case, and what came too late for it", [guarded.state, ...guarded.late], ["SETTLED", "bob"]);
  holds("paid in SafeAgent's four traces", traces, {
    clean: "0 before, then YES",
    conflict: "0 before, then YES",
    "duplicate and late": "0 before, then YES",
    "majority of three": "0 before, then NO",
  });
});

function guardOf(bank: World, finality: { minSources?: number } = {}) {
  const payWinner = defineAction({
    name: "pay_winner",
    riskTier: "irreversible",
    input: z.object({ match: z.string(), winner: z.string() }),
    keyFields: ["match", "winner"],
    case: ({ match, winner }) => ({ id: `match:${match}`, outcome: winner }),
    execute: (payout, { signal }) => post<Payout>(`${bank.url}/payouts`, payout, { signal }),
  });
  const store = sqliteStore({ path: join(bank.folder, "onceguard.db") });
  return createGuard({ store, actions: [payWinner], finality });
}

function signal(source: string, outcome: string, at: number): OutcomeSignal {
  return { id: `${source}-${at}`, source, outcome, confidence: 1, at };
}

function winners(bank: World, match = "M-1"): readonly string[] {
  const payouts = bank.effects<Payout>("payouts").filter((payout) => payout.match === match);
  return payouts.map(({ winner }) => winner);
}
