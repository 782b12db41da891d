import { join } from "node:path";
import { sqliteStore } from "onceguard/sqlite";
import { bareSqlite } from "../bare.ts";
import { guardContenders } from "../contenders.ts";
import { timed } from "../in-turn.ts";
import type { Table } from "../report.ts";
import { withFolder } from "../scratch.ts";
import type { Settings } from "../settings.ts";
import { versus } from "../versus.ts";

/** First execution and replay on SQLite, beside the same driver without Onceguard. */
export function sqlite(settings: Settings): Promise<readonly Table[]> {
  return withFolder(async (folder) => {
    const { guard, first, replay } = await guardContenders("SQLite", sqliteStore({ path: join(folder, "guard.db") }));
    const bare = bareSqlite(join(folder, "bare.db"));
    const tables = [
      await versus(
        {
          title: "First execution on SQLite",
          about:
            "Beside a bare loop of two commits on `node:sqlite`, `WAL` and `FULL` as well, on a table with one index and no log.",
          ours: timed(first, settings),
          reference: timed(bare.first, settings),
          goals: { 1: { ratio: 0.7 }, 64: { ratio: 2 } },
        },
        settings,
      ),
      await versus(
        {
          title: "Replay on SQLite",
          about: "Beside a bare prepared `SELECT`, which is a function call. Nothing is cached in the process.",
          ours: timed(replay, settings),
          reference: timed(bare.replay, settings),
          goals: {},
        },
        settings,
      ),
    ];
    await guard.close();
    await bare.close();
    return tables;
  });
}
