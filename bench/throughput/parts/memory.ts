import { memoryStore } from "onceguard/memory";
import { guardContenders } from "../contenders.ts";
import { inTurn, timed } from "../in-turn.ts";
import { summarise } from "../measure.ts";
import { atMost, figure, type Table } from "../report.ts";
import { progress, type Settings } from "../settings.ts";

/** Over the memory store, where only the guard's own work remains. */
export async function memory(settings: Settings): Promise<readonly Table[]> {
  const { guard, first, replay } = await guardContenders("memory", memoryStore());
  const [firsts = [], replays = []] = await inTurn([timed(first, settings), timed(replay, settings)], 1, settings);
  await guard.close();
  const row = (name: string, runs: typeof firsts, goal: number) => {
    const micros = 1e6 / summarise(runs).perSecond;
    progress(`${name} over memory: ${figure(micros)} us`);
    return { cells: [name, figure(micros)], goal: atMost(micros, goal, " us"), data: { name, micros } };
  };
  return [
    {
      title: "The guard's own work",
      about: "Over the memory store, one caller.",
      columns: ["", "microseconds per call"],
      rows: [row("first execution", firsts, 20), row("replay", replays, 5)],
    },
  ];
}
