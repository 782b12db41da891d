import { setTimeout as pause } from "node:timers/promises";
import { chargedCents } from "../findings.ts";
import { readLedger } from "../ledger.ts";
import type { ProviderMessage, Side } from "../messages.ts";
import { type Agent, accountOf, type Onlooker, type Stage } from "../run-scenario.ts";
import type { Scenario } from "../scenarios.ts";
import { type Count, type Happening, inOrder, type What } from "./happening.ts";

/** What is looked at: one intent, and where its traces will be. */
export interface Watched {
  readonly scenario: Scenario;
  readonly invoice: string;
}

export interface Witness {
  /** The same stage with the witness on it. */
  readonly stage: Stage;
  readonly happenings: readonly Happening[];
  begin(watched: Watched): void;
  /** The same intent again; null when there has been none. */
  again(): Watched | null;
  /** Reads log and ledger to their ends, and adds what they count. */
  settle(problems?: readonly string[]): Promise<void>;
  trouble(message: string): void;
  close(): void;
}

/** For so long what one process has told waits for what another was faster to do and slower to tell. */
const SORTING_MS = 150;
const LOOK_EVERY_MS = 40;
const SIDES: readonly Side[] = ["unguarded", "guarded"];

/**
 * Watches the demo's own processes and puts into one order what they tell: the agents what they call, the provider
 * what reaches it, the guard what it writes into its log, and the ledger's file what was paid.
 */
export function witness(stage: Stage, onHappening: (happening: Happening) => void): Witness {
  const startedAt = Date.now();
  const happenings: Happening[] = [];
  let waiting: Happening[] = [];
  let watched: Watched | null = null;
  let intent = 0;
  let linesRead = 0;
  let logRead = new Set<number>();
  let lastLogged = 0;

  const add = (what: What, at: number = Date.now()): void => {
    waiting.push({ ...what, intent, at: at - startedAt });
  };
  const release = (until: number): void => {
    const ripe = waiting.filter(({ at }) => at <= until).sort(inOrder);
    waiting = waiting.filter(({ at }) => at > until);
    for (const one of ripe) {
      happenings.push(one);
      onHappening(one);
    }
  };
  const sideOf = (account: string): Side | undefined => SIDES.find((side) => account.endsWith(`-${side}`));

  const readBook = (): void => {
    const lines = readLedger(stage.ledger);
    for (const { account, payment_id, amount_cents, at } of lines.slice(linesRead)) {
      const side = sideOf(account);
      if (side) add({ what: "paid", side, payment_id, amount_cents }, Date.parse(at));
    }
    linesRead = lines.length;
  };
  const lookIntoBook = (): void => {
    try {
      readBook();
    } catch {
      // The provider is in the middle of its next line: read with that one, or by `settle`, which says what is wrong.
    }
  };
  const readLog = async (): Promise<void> => {
    if (!watched) return;
    const seen = logRead;
    const entries = await stage.guard.log({ recordId: `invoice:${watched.invoice}`, order: "oldest", limit: 200 });
    for (const { seq, event, state, at, detail } of entries) {
      if (seen.has(seq)) continue;
      seen.add(seq);
      lastLogged = Math.max(at, lastLogged + 0.01); // what it wrote first stays first
      const { times = 1 } = JSON.parse(detail ?? "{}") as { times?: number };
      add({ what: "guard", side: "guarded", event, state, times }, lastLogged);
    }
  };

  stage.provider.listen((message: ProviderMessage) => {
    if (message.type === "listening") return;
    const side = sideOf(message.account);
    if (!side) return;
    if (message.type === "committed") lookIntoBook();
    if (message.type === "received") add({ what: "request", side }, message.at);
    if (message.type === "looked_up") add({ what: "lookup", side, found: message.found }, message.at);
    if (message.type === "answered")
      add({ what: "answer", side, fault: message.fault, known: message.known }, message.at);
  });

  const onlooker: Onlooker = {
    started: (agent: Agent, account) => {
      const side = sideOf(account) as Side;
      const { pid } = agent;
      add({ what: "agent", side, pid });
      agent.listen((message) => {
        if (message.type === "called") add({ what: "call", side, pid, note: message.note }, message.at);
        if (message.type === "failed") add({ what: "error", side, pid, error: message.error }, message.at);
        if (message.type === "answered") add({ what: "told", side, pid, status: message.answer.status }, message.at);
      });
    },
    killed: ({ pid }, account) => add({ what: "killed", side: sideOf(account) as Side, pid }),
  };

  const look = setInterval(() => {
    readLog().catch(() => undefined); // `settle` says when the log cannot be read
    release(Date.now() - startedAt - SORTING_MS);
  }, LOOK_EVERY_MS);

  const count = (side: Side): Count => {
    const all = readLedger(stage.ledger).filter(({ account }) => sideOf(account) === side);
    const account = watched ? accountOf(watched.scenario, side) : "";
    const payments = all.filter((entry) => entry.account === account).length;
    return { payments, total_payments: all.length, total_cents: chargedCents(all) };
  };

  return {
    stage: { ...stage, onlooker },
    happenings,
    begin: (next) => {
      watched = next;
      intent++;
      logRead = new Set();
      const { title, terms, waves } = next.scenario;
      const calls = Math.max(...waves.map((wave) => wave.calls.reduce((sum, some) => sum + some, 0)));
      add({ what: "intent", title, provider: terms.idempotencyKeys ? "keys" : "lookup", calls });
    },
    again: () => {
      if (watched) add({ what: "retry" });
      return watched;
    },
    settle: async (problems = []) => {
      await pause(SORTING_MS); // the provider's last words are on their way
      readBook();
      await readLog();
      add({ what: "settled", unguarded: count("unguarded"), guarded: count("guarded"), problems });
      release(Number.POSITIVE_INFINITY);
    },
    trouble: (message) => {
      add({ what: "trouble", message });
      release(Number.POSITIVE_INFINITY);
    },
    close: () => clearInterval(look),
  };
}
