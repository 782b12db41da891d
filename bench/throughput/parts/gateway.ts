import { gatewayContenders } from "../gateway.ts";
import { inTurn, timed } from "../in-turn.ts";
import { summarise } from "../measure.ts";
import { figure, type Row, type Table } from "../report.ts";
import { progress, type Settings } from "../settings.ts";

/** A call through the MCP gateway over stdio beside the same call without it, each with one caller who waits. */
export async function gateway(settings: Settings): Promise<readonly Table[]> {
  const { direct, close, ...contenders } = await gatewayContenders();
  const rows: Row[] = [];
  for (const contender of Object.values(contenders)) {
    const [a = [], b = []] = await inTurn([timed(contender, settings), timed(direct, settings)], 1, settings);
    const [us, them] = [summarise(a), summarise(b)];
    const added = us.p50Ms - them.p50Ms;
    rows.push({
      cells: [
        contender.name,
        figure(us.p50Ms),
        figure(us.p99Ms),
        figure(them.p50Ms),
        figure(them.p99Ms),
        figure(added),
      ],
      goal: contender === contenders.safe ? { text: "under 1 ms added", isMet: added < 1 } : undefined,
      data: { what: contender.name, gateway: us, direct: them, addedMs: added },
    });
    progress(`gateway, ${contender.name}: p50 ${figure(us.p50Ms)} ms, ${figure(added)} ms added`);
  }
  close();
  return [
    {
      title: "The MCP gateway",
      about: "A tool that does nothing, over stdio, one caller; the gateway keeps its receipts in SQLite.",
      columns: ["", "p50 ms", "p99 ms", "p50 ms without it", "p99 ms without it", "ms added"],
      rows,
    },
  ];
}
