import { postgresStore } from "onceguard/postgres";
import { barePostgres } from "../bare.ts";
import { withServer } from "../bench-server.ts";
import { guardContenders } from "../contenders.ts";
import { timed } from "../in-turn.ts";
import { findPgbench, pgbench } from "../pgbench.ts";
import type { Table } from "../report.ts";
import { progress, type Settings } from "../settings.ts";
import { versus } from "../versus.ts";

/** First execution and replay on PostgreSQL, beside the same statements without Onceguard: from `pg`, and from a C client. */
export function postgres(settings: Settings): Promise<readonly Table[]> {
  return withServer(async ({ url }) => {
    const { guard, first, replay } = await guardContenders("PostgreSQL", postgresStore({ url }));
    const bare = await barePostgres(url);
    const tables: Table[] = [
      await versus(
        {
          title: "First execution on PostgreSQL",
          about:
            "Beside the same two statements through a `pg` pool of 10, prepared, on a table with the same indexes. Ours writes the action log as well.",
          ours: timed(first, settings),
          reference: timed(bare.first, settings),
          goals: {
            1: { ratio: 0.9 },
            16: { ratio: 1.7, faster: true },
            64: { ratio: 2.3, faster: true },
            256: { ratio: 2.5, faster: true },
          },
        },
        settings,
      ),
      await versus(
        {
          title: "Replay on PostgreSQL",
          about: "Beside a bare prepared `SELECT`. Nothing is cached in the process.",
          ours: timed(replay, settings),
          reference: timed(bare.replay, settings),
          goals: { 1: { ratio: 0.8 }, 64: { ratio: 3 } },
        },
        settings,
      ),
    ];
    const program = findPgbench();
    if (program) {
      const floor = {
        name: "pgbench, same statements",
        measure: (callers: number) => pgbench(program, url, callers, settings.seconds * 1_000),
      };
      tables.push(
        await versus(
          {
            title: "First execution beside pgbench",
            about: "The floor of one commit per statement: the same two statements from a C client.",
            ours: timed(first, settings),
            reference: floor,
            goals: { 16: { ratio: 0.9 }, 64: { ratio: 1.5 }, 256: { ratio: 2 } },
          },
          settings,
        ),
      );
    } else progress("pgbench is not installed (Debian: postgresql-contrib); its floor is left out");
    await guard.close();
    await bare.close();
    return tables;
  });
}
