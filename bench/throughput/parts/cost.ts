import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { postgresStore } from "onceguard/postgres";
import { sqliteStore } from "onceguard/sqlite";
import { barePostgres } from "../bare.ts";
import { type BenchServer, withServer } from "../bench-server.ts";
import { guardContenders } from "../contenders.ts";
import { type Contender, measure, nextNumber, summarise } from "../measure.ts";
import { figure, type Row, type Table } from "../report.ts";
import { withFolder } from "../scratch.ts";
import { progress, type Settings } from "../settings.ts";

const CALLERS = [1, 64];

/** What an action costs in log that is written, and in processor time. */
export async function cost(settings: Settings): Promise<readonly Table[]> {
  const actions = Math.round(2_000 * Math.min(1, settings.seconds));
  const written: Row[] = [];
  const processor: Row[] = [];
  await withFolder(async (folder) => {
    const path = join(folder, "cost.db");
    const database = new DatabaseSync(path);
    const { guard, first, replay } = await guardContenders("SQLite", sqliteStore({ database }));
    database.exec("PRAGMA wal_autocheckpoint = 0");
    for (const callers of CALLERS) {
      database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
      await repeat(first, actions, callers);
      written.push(writtenRow("Onceguard on SQLite", callers, statSync(`${path}-wal`).size / actions, null));
    }
    database.exec("PRAGMA wal_autocheckpoint = 1000");
    processor.push(...(await processorRows("SQLite", first, replay, null, settings)));
    await guard.close();
    database.close();
  });
  await withServer(async (server) => {
    const { guard, first, replay } = await guardContenders("PostgreSQL", postgresStore({ url: server.url }));
    const bare = await barePostgres(server.url);
    const sides = [
      ["Onceguard on PostgreSQL", first],
      ["pg, two prepared statements, no log", bare.first],
    ] as const;
    for (const [name, contender] of sides) {
      for (const callers of CALLERS) {
        const { whole, images } = await walOf(server, () => repeat(contender, actions, callers), actions);
        written.push(writtenRow(name, callers, whole, images));
      }
    }
    processor.push(...(await processorRows("PostgreSQL", first, replay, server.pid, settings)));
    processor.push(...(await processorRows("pg", bare.first, bare.replay, server.pid, settings)));
    await guard.close();
    await bare.close();
  });
  return [
    {
      title: "Log written per action",
      about: `Bytes of write-ahead log per first execution, over ${figure(actions, 0)} of them right after a checkpoint. PostgreSQL writes a whole page the first time that it changes after a checkpoint: this share falls with the number of actions between two checkpoints, and is what a second pass without page images has less. SQLite writes whole pages always.`,
      columns: ["", "callers", "bytes per action", "of these, page images", "bytes without them"],
      rows: written,
    },
    {
      title: "Processor time per action",
      about: "Microseconds of client and server in closed loops.",
      columns: ["", "callers", "client", "server", "both"],
      rows: processor,
    },
  ];
}

async function repeat({ operation }: Contender, times: number, callers: number): Promise<void> {
  let left = times;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (left-- > 0) await operation(nextNumber());
    }),
  );
}

/** Right after a checkpoint, and once more without the images of whole pages. */
async function walOf(
  { query, set }: BenchServer,
  work: () => Promise<void>,
  actions: number,
): Promise<{ readonly whole: number; readonly images: number }> {
  const position = async (): Promise<number> =>
    Number((await query<{ at: string }>("SELECT pg_current_wal_insert_lsn() - '0/0' AS at"))[0]?.at);
  const bytes = async (): Promise<number> => {
    await query("CHECKPOINT");
    const before = await position();
    await work();
    return ((await position()) - before) / actions;
  };
  const whole = await bytes();
  await set("full_page_writes", "off");
  const bare = await bytes();
  await set("full_page_writes", "on");
  return { whole, images: Math.max(0, whole - bare) };
}

function writtenRow(name: string, callers: number, whole: number, images: number | null): Row {
  progress(`${name}, ${callers} callers: ${figure(whole, 0)} bytes of log per action`);
  const share = images === null ? [] : [`${figure((100 * images) / whole, 0)} %`, figure(whole - images, 0)];
  return {
    cells: [name, String(callers), figure(whole, 0), ...(share.length > 0 ? share : ["all", ""])],
    data: { name, callers, bytes: whole, pageImages: images },
  };
}

async function processorRows(
  name: string,
  first: Contender,
  replay: Contender,
  pid: number | null,
  settings: Settings,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [what, contender] of [["first execution", first] as const, ["replay", replay] as const]) {
    for (const callers of CALLERS) {
      const runs = [];
      for (let n = 0; n < settings.runs; n++)
        runs.push(await measure(contender, callers, settings.seconds * 1_000, pid));
      const { clientMicros, serverMicros } = summarise(runs);
      const [client, server] = [clientMicros ?? 0, serverMicros ?? 0];
      const cells = [`${name}, ${what}`, String(callers), figure(client), pid === null ? "" : figure(server)];
      rows.push({ cells: [...cells, figure(client + server)], data: { name, what, callers, client, server } });
      progress(`${name}, ${what}, ${callers} callers: ${figure(client + server)} us of processor time`);
    }
  }
  return rows;
}
