import { postgresStore } from "onceguard/postgres";
import { type BenchServer, withServer } from "../bench-server.ts";
import { guardContenders } from "../contenders.ts";
import { inTurn, ratio, timed } from "../in-turn.ts";
import { type Contender, type Measurement, summarise } from "../measure.ts";
import { absurd } from "../others/absurd.ts";
import { bare } from "../others/bare.ts";
import { dbos } from "../others/dbos.ts";
import { graphileWorker } from "../others/graphile-worker.ts";
import type { Other } from "../others/other.ts";
import { pgBoss } from "../others/pg-boss.ts";
import { powertools } from "../others/powertools.ts";
import { atLeast, figure, type Row, type Table } from "../report.ts";
import { progress, type Settings } from "../settings.ts";
import { described } from "../versus.ts";

const CALLERS = [1, 64];

/** At 64 callers. */
const GOALS = new Map<Other, { readonly first?: number; readonly replay?: number }>([
  [bare, {}],
  [powertools, { first: 1.7, replay: 4 }],
  [dbos, { first: 18, replay: 6 }],
  [absurd, { first: 18 }],
  [graphileWorker, { first: 6 }],
  [pgBoss, {}],
]);

/** What one would otherwise use, one after the other and each beside the guard, on the same PostgreSQL. */
export function others(settings: Settings): Promise<readonly Table[]> {
  return withServer(async (server) => {
    const first: Row[] = [];
    const replay: Row[] = [];
    const { guard, ...ours } = await guardContenders("Onceguard", postgresStore({ url: server.url }));
    for (const [other, goals] of GOALS) {
      progress(`starting ${other.name}`);
      const started = await other.start(await server.database());
      if (started === null) continue;
      first.push(...(await beside(other, ours.first, started.first, goals.first, server, settings)));
      if (started.replay !== null)
        replay.push(...(await beside(other, ours.replay, started.replay, goals.replay, server, settings)));
      await started.close();
    }
    await guard.close();
    const notes = [...GOALS.keys()].map(({ name, advice, note }) => `- [${name}](${advice}): ${note}`).join("\n");
    const columns = [
      "",
      "callers",
      "per second (p50, p99 ms)",
      "Onceguard",
      "ratio",
      "its processor time, us",
      "Onceguard's",
    ];
    return [
      {
        title: "First execution beside what one would otherwise use",
        about: `The same unit of work on the same PostgreSQL, in turn with Onceguard: a request whose effect does nothing, until its result is recorded.\n\n${notes}`,
        columns,
        rows: first,
      },
      {
        title: "Replay beside what one would otherwise use",
        about: "The same request again, answered from what was recorded.",
        columns,
        rows: replay,
      },
    ];
  });
}

async function beside(
  other: Other,
  ours: Contender,
  theirs: Contender,
  goal: number | undefined,
  { pid }: BenchServer,
  settings: Settings,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const callers of CALLERS) {
    const [a = [], b = []] = await inTurn(
      [timed(ours, settings, pid), timed(theirs, settings, pid)],
      callers,
      settings,
    );
    const [us, them] = [summarise(a), summarise(b)];
    const times = ratio(a, b);
    rows.push({
      cells: [
        other.name,
        String(callers),
        described(them),
        described(us),
        figure(times),
        figure(both(them), 0),
        figure(both(us), 0),
      ],
      goal: callers === 64 && goal !== undefined ? atLeast(times, goal) : undefined,
      data: { other: other.name, callers, theirs: them, ours: us, ratio: times },
    });
    progress(`${other.name}, ${callers} callers: ${described(them)}; Onceguard ${described(us)}: ${figure(times)}x`);
  }
  return rows;
}

function both({ clientMicros, serverMicros }: Measurement): number {
  return (clientMicros ?? Number.NaN) + (serverMicros ?? 0);
}
