import { join } from "node:path";
import { postgresStore } from "onceguard/postgres";
import { sqliteStore } from "onceguard/sqlite";
import { partition } from "../../../packages/onceguard/test/support/partition.ts";
import { withServer } from "../bench-server.ts";
import { guardContenders } from "../contenders.ts";
import { inTurn, ratio, type Timed, timed } from "../in-turn.ts";
import { summarise } from "../measure.ts";
import { figure, type Row, type Table } from "../report.ts";
import { withFolder } from "../scratch.ts";
import { progress, type Settings } from "../settings.ts";
import { startStandby } from "../standby.ts";
import { described } from "../versus.ts";

const CALLERS = [1, 16, 64];
const TENANTS = 64;
const PARTITIONS = 8;

/** What a first execution costs at each step of docs/scaling.md that runs on one machine. */
export async function steps(settings: Settings): Promise<readonly Table[]> {
  const rows: Row[] = [];
  await withFolder((folder) =>
    withServer(async (server) => {
      const { url, pid } = server;
      const tenant = (n: number): string => `tenant-${n % TENANTS}`;
      const sqlite = await guardContenders("SQLite", sqliteStore({ path: join(folder, "one.db") }));
      const one = await guardContenders("PostgreSQL", postgresStore({ url }));
      const whole = await guardContenders("tenants", postgresStore({ url, schema: "whole" }), tenant);
      const made = postgresStore({ url, schema: "parted" });
      await made.open();
      await made.close();
      await partition(server.query, "parted", PARTITIONS);
      const parted = await guardContenders("parted", postgresStore({ url, schema: "parted" }), tenant);
      const standby = await startStandby(server);

      const alone = timed(one.first, settings, pid);
      const withStandby: Timed = {
        name: "synchronous standby",
        measure: async (callers) => {
          await standby.waitFor(true);
          try {
            return await alone.measure(callers);
          } finally {
            await standby.waitFor(false);
          }
        },
      };
      const pair = "PostgreSQL and a synchronous standby";
      rows.push(...(await beside("One SQLite file", timed(sqlite.first, settings), alone, settings)));
      rows.push(...(await beside("One PostgreSQL", alone, null, settings)));
      rows.push(...(await beside(pair, withStandby, alone, settings)));
      await standby.stop();
      rows.push(
        ...(await beside(
          `PostgreSQL, ${PARTITIONS} partitions by tenant`,
          timed(parted.first, settings, pid),
          timed(whole.first, settings, pid),
          settings,
        )),
      );
      for (const { guard } of [sqlite, one, whole, parted]) await guard.close();
    }),
  );
  return [
    {
      title: "First execution at each step",
      about: `On one machine, so that the network between two of them is not in it. The standby flushes each commit to its disk before it is acknowledged; beside it, the same primary without it (SQLite: the same). The partitions are for ${TENANTS} tenants; beside them, the same tenants in one table. Processor time: of client and server (not of the standby).`,
      columns: ["", "callers", "per second (p50, p99 ms)", "beside it", "time", "processor time, us"],
      rows,
    },
  ];
}

async function beside(name: string, step: Timed, before: Timed | null, settings: Settings): Promise<Row[]> {
  const rows: Row[] = [];
  for (const callers of CALLERS) {
    const [a = [], b = []] = await inTurn(before ? [step, before] : [step], callers, settings);
    const us = summarise(a);
    const them = before && summarise(b);
    const time = before && ratio(b, a);
    const micros = (us.clientMicros ?? 0) + (us.serverMicros ?? 0);
    rows.push({
      cells: [
        name,
        String(callers),
        described(us),
        them ? described(them) : "",
        time === null ? "" : `${figure(time)}x`,
        figure(micros, 0),
      ],
      data: { name, callers, step: us, before: them, time },
    });
    progress(`${name}, ${callers} callers: ${described(us)}${time === null ? "" : `, ${figure(time)}x the time`}`);
  }
  return rows;
}
