import { join } from "node:path";
import { postgresStore } from "onceguard/postgres";
import { sqliteStore } from "onceguard/sqlite";
import { barePostgres } from "../bare.ts";
import { withServer } from "../bench-server.ts";
import { guardContenders } from "../contenders.ts";
import { type Contender, measure, median } from "../measure.ts";
import { measureOpen, type OpenMeasurement } from "../open-loop.ts";
import { figure, type Row, type Table } from "../report.ts";
import { withFolder } from "../scratch.ts";
import { progress, type Settings } from "../settings.ts";

const CALLERS = 64;
const SHARES = [0.5, 0.8];

/** First executions at a fixed rate of arrivals: what a caller waits who does not know of the others. */
export async function openLoop(settings: Settings): Promise<readonly Table[]> {
  const rows: Row[] = [];
  await withFolder(async (folder) => {
    const { guard, first } = await guardContenders("SQLite", sqliteStore({ path: join(folder, "open.db") }));
    rows.push(...(await rates("Onceguard on SQLite", first, settings)));
    await guard.close();
  });
  await withServer(async ({ url }) => {
    const { guard, first } = await guardContenders("PostgreSQL", postgresStore({ url }));
    const bare = await barePostgres(url);
    rows.push(...(await rates("Onceguard on PostgreSQL", first, settings)));
    rows.push(...(await rates(bare.first.name, bare.first, settings)));
    await guard.close();
    await bare.close();
  });
  return [
    {
      title: "First execution at a fixed rate of arrivals",
      about: `An open loop, without coordinated omission: latency counts from the intended start. The rate is a share of what the same contender did in a closed loop of ${CALLERS} callers just before. Milliseconds.`,
      columns: ["", "share", "arrivals per second", "kept up", "p50", "p90", "p99", "p99.9", "most"],
      rows,
    },
  ];
}

async function rates(name: string, contender: Contender, settings: Settings): Promise<Row[]> {
  const ms = settings.seconds * 1_000;
  const closed: number[] = [];
  for (let run = 0; run < settings.runs; run++) closed.push((await measure(contender, CALLERS, ms)).perSecond);
  const most = median(closed);
  const rows: Row[] = [];
  for (const share of SHARES) {
    const runs: OpenMeasurement[] = [];
    for (let run = 0; run < settings.runs; run++) runs.push(await measureOpen(contender, most * share, 2 * ms));
    const of = (pick: (run: OpenMeasurement) => number): number => median(runs.map(pick));
    const rate = of((run) => run.rate);
    const keptUp = of((run) => run.perSecond) / rate;
    const quantiles = [
      of((r) => r.p50Ms),
      of((r) => r.p90Ms),
      of((r) => r.p99Ms),
      of((r) => r.p999Ms),
      of((r) => r.maxMs),
    ];
    rows.push({
      cells: [
        name,
        `${share * 100} %`,
        figure(rate, 0),
        `${figure(100 * keptUp, 0)} %`,
        ...quantiles.map((ms) => figure(ms, 2)),
      ],
      data: { name, share, closed: most, runs },
    });
    progress(
      `${name} at ${share * 100} %: ${figure(rate, 0)}/s, p50 ${figure(quantiles[0] as number)}, p99 ${figure(quantiles[2] as number)} ms`,
    );
  }
  return rows;
}
