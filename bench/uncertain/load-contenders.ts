import { readdirSync } from "node:fs";
import type { Contender } from "./contender.ts";

/** A contender, and the file that its worker imports again. */
export interface Entry {
  readonly file: string;
  readonly contender: Contender;
}

/** From the least that anybody does to the most; whoever is not named here comes before Onceguard. */
const ORDER = [
  "naive",
  "p-retry",
  "provider key",
  "Powertools",
  "node-idempotency",
  "BullMQ",
  "pg-boss",
  "LangGraph",
  "graphile-worker",
  "absurd",
  "DBOS",
  "Restate",
  "",
  "Onceguard without capability",
  "Onceguard",
];

/** Whatever lies in `contenders/`; one that does not load is told of, and does not keep the others from running. */
export async function loadContenders(problem: (text: string) => void): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (const name of readdirSync(new URL("./contenders/", import.meta.url))) {
    if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue;
    const file = `./contenders/${name}`;
    try {
      const { default: exported } = (await import(new URL(file, import.meta.url).href)) as {
        default: Contender | readonly Contender[];
      };
      for (const contender of [exported].flat() as Contender[]) entries.push({ file, contender });
    } catch (error) {
      problem(`${file} does not load: ${(error as Error).message}`);
    }
  }
  const rank = ({ contender }: Entry): number => {
    const at = ORDER.indexOf(contender.name);
    return at < 0 ? ORDER.indexOf("") : at;
  };
  return entries.sort((a, b) => rank(a) - rank(b));
}
