import { afterAll, beforeAll, expect, it } from "vitest";
import type { Outcome } from "../../src/index.ts";
import { type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import { startWorker, type Worker } from "../support/guarded-worker.ts";
import { createStore, STORE_KINDS } from "../support/test-stores.ts";

const ROUNDS = 1_000;
const PROCESSES = 4;
/** Callers of one guard share its call to the store; these make twenty of the racers meet there. */
const GUARDS = 5;
const CALLERS = 25;

let world: FlakyWorld;

beforeAll(async () => {
  world = await startFlakyWorld();
});

afterAll(() => world.stop());

it.for(STORE_KINDS)(
  `on %s, ${PROCESSES} processes with ${GUARDS} guards and ${CALLERS} callers each race for one id, ${ROUNDS} times: one executes, all get its result`,
  { timeout: 300_000 },
  async (kind) => {
    const store = await createStore(kind);
    const options = { store: store.address, world: world.port, guards: GUARDS };
    const racers = await Promise.all(Array.from({ length: PROCESSES }, () => startWorker(options)));
    const durations: number[] = [];
    const wins = racers.map(() => 0);
    for (let round = 0; round < ROUNDS; round++) {
      const reference = `${kind}-${round}`;
      const started = performance.now();
      // The message is the starting gun: every process is up, has its store open and waits for it. Who hears it first
      // has the better chance, so everybody does in turn.
      const inTurn = racers.map((_, n) => (n + round) % racers.length);
      const answers: Awaited<ReturnType<Worker["race"]>>[] = [];
      await Promise.all(
        inTurn.map(async (n) => {
          answers[n] = await (racers[n] as Worker).race("pay_none", { reference, amount: round }, CALLERS);
        }),
      );
      durations.push(performance.now() - started);
      expectOneWinner(reference, answers.flat());
      const winner = answers.findIndex((told) => told.some(([answer]) => JSON.parse(answer).status === "executed"));
      wins[winner] = (wins[winner] ?? 0) + 1;
    }
    const happened = world.effects().filter((effect) => effect.reference.startsWith(kind));
    expect(new Set(happened.map((effect) => effect.reference)).size).toBe(ROUNDS);
    expect(happened).toHaveLength(ROUNDS);
    console.log(
      `race on ${kind}: ${ROUNDS} rounds of ${PROCESSES * CALLERS} racers, ${inMs(durations)}; won by ${wins}`,
    );
    await Promise.all(racers.map((racer) => racer.stop()));
    await store.remove();
  },
);

/** One `executed`; for all others the very same result and receipt, to the last field. */
function expectOneWinner(reference: string, answers: readonly (readonly [answer: string, count: number])[]): void {
  const told = answers.map(([answer, count]) => ({ outcome: JSON.parse(answer) as Outcome, count }));
  const winner = told.find(({ outcome }) => outcome.status === "executed");
  const happened = world.effects(reference);
  const others = PROCESSES * CALLERS - 1;
  expect(happened).toHaveLength(1);
  expect(winner).toMatchObject({
    count: 1,
    outcome: { requestId: reference, receipt: { state: "succeeded" }, result: { number: happened[0]?.number } },
  });
  const replays = told.filter((one) => one !== winner);
  expect(replays.reduce((sum, { count }) => sum + count, 0)).toBe(others);
  for (const { outcome } of replays) expect(outcome).toEqual({ ...winner?.outcome, status: "replayed" });
}

function inMs(durations: readonly number[]): string {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
  const total = durations.reduce((sum, one) => sum + one, 0) / 1_000;
  return `${total.toFixed(1)} s; per round p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
}
