import type { Side } from "../messages.ts";
import { openAccount } from "../provider-client.ts";
import { accountOf, runWaves, type Stage } from "../run-scenario.ts";
import { SCENARIOS, type Scenario } from "../scenarios.ts";
import type { Happening } from "./happening.ts";
import { type Watched, type Witness, witness } from "./witness.ts";

/** The buttons of the page. */
export type Press = "pay" | "retry" | "drop" | "kill" | "storm";

/** The demo as something that can be played with: one button at a time, both sides at once. */
export interface Show {
  readonly happenings: readonly Happening[];
  /** False while an earlier one is still being played, and for what is no button; nothing happens then. */
  press(button: string): boolean;
  close(): void;
}

/** What each button does to a new invoice; `retry` takes the last one again. */
const NEW_INVOICE: Readonly<Record<Exclude<Press, "retry">, Scenario>> = {
  pay: { ...scenario("replanned_call"), title: "A payment without trouble", waves: [{ calls: [1] }] },
  drop: scenario("lost_response"),
  kill: scenario("kill_after_payment"),
  storm: scenario("concurrent_duplicates"),
};

const AGAIN = [{ calls: [1] }] as const;
const SIDES: readonly Side[] = ["unguarded", "guarded"];

export function openShow(stage: Stage, onHappening: (happening: Happening) => void): Show {
  const sight = witness(stage, onHappening);
  let busy = false;
  let invoices = 0;
  let calls = 0;

  const onNewInvoice = async (plan: Scenario): Promise<void> => {
    const n = ++invoices;
    const watched: Watched = {
      scenario: { ...plan, id: `${plan.id}-${n}` },
      invoice: `INV-${stage.runId}-${n}`,
    };
    sight.begin(watched);
    calls = plan.waves.length;
    for (const side of SIDES) await openAccount(stage.providerUrl, accountOf(watched.scenario, side), plan.terms);
    await onBothSides(sight, watched, 0);
  };

  const onTheSameAgain = async (): Promise<void> => {
    const watched = sight.again();
    if (!watched) return;
    await onBothSides(sight, { ...watched, scenario: { ...watched.scenario, waves: AGAIN } }, calls++);
  };

  return {
    happenings: sight.happenings,
    press: (button) => {
      const isNew = Object.hasOwn(NEW_INVOICE, button);
      if (busy || !(isNew || (button === "retry" && invoices > 0))) return false;
      busy = true;
      const play = isNew ? onNewInvoice(NEW_INVOICE[button as keyof typeof NEW_INVOICE]) : onTheSameAgain();
      play
        .then(() => sight.settle())
        .catch((error: unknown) => {
          if (!stage.children.signal.aborted) sight.trouble(error instanceof Error ? error.message : String(error));
        })
        .finally(() => {
          busy = false;
        });
      return true;
    },
    close: () => sight.close(),
  };
}

/** Waits for both, also when one of them fails: the next button must not meet processes of this one. */
async function onBothSides({ stage }: Witness, { scenario, invoice }: Watched, firstWording: number): Promise<void> {
  const ends = await Promise.allSettled(SIDES.map((side) => runWaves(stage, scenario, invoice, side, firstWording)));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

function scenario(id: string): Scenario {
  const found = SCENARIOS.find((one) => one.id === id);
  if (!found) throw new Error(`There is no scenario "${id}".`);
  return found;
}
