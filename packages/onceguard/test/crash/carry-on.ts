import type { Outcome } from "../../src/index.ts";
import type { ActionName, Asks, Payment } from "../support/guarded-worker.ts";

/** A guard, in this process or in another. */
export type Hands = Pick<Asks, "execute" | "receipt" | "reconcileDue" | "resolve" | "approve">;

export interface Work {
  readonly action: ActionName;
  readonly payment: Payment;
  /** What a person who looks there finds: the result of the effect; null when it is not there. */
  readonly look: () => Promise<{ readonly number: number } | null>;
  /** What the person says where nothing is there. */
  readonly otherwise: "retry" | "did_not_happen";
  /** A sweeper comes before the caller does. */
  readonly sweepFirst: (() => Promise<unknown>) | null;
  /** Lets time pass; may refuse to. */
  readonly later: () => void;
  /** Hears of what is thrown; throws it on where it must not be. */
  readonly onError: (error: unknown) => void;
  /** Called before a person is asked. */
  readonly beforeAsking: () => Promise<void>;
}

export interface Carried {
  /** What the caller is told in the end. */
  readonly told: Outcome;
  /** Whether it took a person who looked. */
  readonly asked: boolean;
}

const MOST_ROUNDS = 25;

/**
 * Everybody does what they do in life, until it is settled: the caller asks again with the same intent, the sweeper passes,
 * a person consents, and where nothing else can tell, a person looks and says what is so.
 */
export async function carryOn(by: Hands, work: Work): Promise<Carried> {
  const { action, payment, sweepFirst } = work;
  let asked = false;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    try {
      if (round === 0) await sweepFirst?.();
      const told = await by.execute(action, payment);
      switch (told.status) {
        case "executed":
        case "replayed":
        case "failed":
          return { told, asked };
        case "held":
          await consent(by, told, payment);
          break;
        case "in_doubt":
          await by.reconcileDue();
          if ((await by.receipt(payment.reference))?.state === "in_doubt") work.later();
          break;
        case "review":
          await work.beforeAsking();
          asked = true;
          await decide(by, told, work);
          break;
        case "in_progress":
        case "retry_later":
        case "unavailable":
          work.later();
          break;
        default:
          throw new Error(`unexpected: ${JSON.stringify(told)}`);
      }
    } catch (error) {
      work.onError(error);
    }
  }
  throw new Error(`${payment.reference} is not settled after ${MOST_ROUNDS} rounds`);
}

async function consent(by: Hands, told: Outcome, { reference }: Payment): Promise<void> {
  if (told.receipt?.hold?.approval) throw new Error(`approved, due and still held: ${JSON.stringify(told)}`);
  await by.approve(reference, { actor: "ben", reason: "looks right" });
}

async function decide(by: Hands, told: Outcome, { payment, look, otherwise }: Work): Promise<void> {
  const found = await look();
  await by.resolve(payment.reference, {
    actor: "ann",
    reason: "looked into the ledger",
    expectedVersion: told.receipt?.version ?? 0,
    ...(found ? { decision: "happened", result: { number: found.number } } : { decision: otherwise }),
  });
}
