import type { Effect } from "./contender.ts";
import type { Fault } from "./faults.ts";
import { type Case, wantedOf } from "./judge.ts";
import type { Entry } from "./load-contenders.ts";
import { Track } from "./track.ts";
import { openStores } from "./track-stores.ts";
import type { OutsideWorld } from "./world.ts";

export interface RunOptions {
  readonly entries: readonly Entry[];
  readonly effects: readonly Effect[];
  readonly faults: readonly Fault[];
  readonly world: OutsideWorld;
  /** A superuser's address of a running PostgreSQL. */
  readonly postgres: string;
  readonly logs: string;
  /** Tracks at a time. They wait more than they work. */
  readonly atOnce: number;
  readonly onCase: (done: Case) => void;
}

/** Every contender in every world through every fault. Never rejects for what a contender does: its cells say so. */
export async function runTracks(options: RunOptions): Promise<readonly Case[]> {
  const { entries, effects, atOnce } = options;
  const waiting = effects.flatMap((effect) => entries.map((entry) => ({ entry, effect })));
  const cases: Case[] = [];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      cases.push(...(await runTrack(options, next.entry, next.effect)));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return cases;
}

async function runTrack(options: RunOptions, { file, contender }: Entry, effect: Effect): Promise<readonly Case[]> {
  const { world, logs, postgres, onCase } = options;
  const faults = options.faults.filter(({ only }) => only === undefined || only.includes(effect));
  const cases: Case[] = [];
  const add = (one: Case): void => {
    cases.push(one);
    onCase(one);
  };
  try {
    const stores = await openStores(contender, `${contender.name}_${effect}`, postgres);
    try {
      const track = new Track({ file, contender, effect, world, door: await world.door(), stores, logs });
      await track.open();
      for (const fault of faults) add(await track.run(fault));
      await track.close();
    } finally {
      await stores.close();
    }
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown.message : String(thrown);
    const rest = faults.slice(cases.length);
    for (const fault of rest) {
      const cell = { contender: contender.name, effect, fault: fault.name, intent: "", wanted: wantedOf(fault) };
      add({ ...cell, hit: false, told: [], error });
    }
  }
  return cases;
}
