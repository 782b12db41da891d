import { type FlakyWorld as PublicWorld, startFlakyWorld as start } from "../../src/testing/flaky-world.ts";

export type { WorldFault as Fault } from "../../src/testing/flaky-world.ts";

/** One line of the ledger, as the processes of these tests send them. */
export interface Effect {
  readonly number: number;
  readonly reference: string;
  readonly amount: number;
  readonly key: string | null;
}

export interface FlakyWorld extends Omit<PublicWorld, "effects"> {
  effects(reference?: string): readonly Effect[];
}

export async function startFlakyWorld(): Promise<FlakyWorld> {
  const world = await start();
  return {
    ...world,
    effects: (of) =>
      world.effects(of).map(({ number, key, body }) => {
        const { reference, amount } = body as Pick<Effect, "reference" | "amount">;
        return { number, reference, amount, key };
      }),
  };
}
