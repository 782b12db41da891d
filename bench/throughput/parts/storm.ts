import { join } from "node:path";
import type { Store } from "onceguard";
import { type PostgresPool, postgresStore } from "onceguard/postgres";
import { sqliteStore } from "onceguard/sqlite";
import type pg from "pg";
import { withServer } from "../bench-server.ts";
import { guardContenders, PAYLOAD, unique } from "../contenders.ts";
import { inTurn, ratio, timed } from "../in-turn.ts";
import { summarise } from "../measure.ts";
import { poolOf } from "../pool.ts";
import { atMost, figure, type Row, type Table } from "../report.ts";
import { withFolder } from "../scratch.ts";
import { progress, type Settings } from "../settings.ts";

const CALLERS = 100;

/** 100 callers at once with one id: what the last of them waits for, against an execution that nobody else asks for. */
export async function storm(settings: Settings): Promise<readonly Table[]> {
  const rows: Row[] = [];
  await withFolder(async (folder) => {
    rows.push(...(await stormsOn("SQLite", sqliteStore({ path: join(folder, "storm.db") }), null, settings)));
  });
  await withServer(async ({ url }) => {
    const pool = poolOf(url);
    const counted = counting(pool);
    rows.push(...(await stormsOn("PostgreSQL", postgresStore({ pool: counted.pool }), counted.count, settings)));
    await pool.end();
  });
  return [
    {
      title: "Duplicate storm",
      about: `${CALLERS} callers at once with one id, in one process. Several storms at the same time are for different ids; beside them, as many single executions at the same time. Statements: all that reached PostgreSQL, per storm.`,
      columns: [
        "",
        "storms at a time",
        "storms per second",
        "p99 ms",
        "p99 ms of single executions",
        "ratio",
        "statements",
      ],
      rows,
    },
  ];
}

async function stormsOn(
  name: string,
  store: Store,
  statements: (() => number) | null,
  settings: Settings,
): Promise<Row[]> {
  const { guard, first } = await guardContenders(name, store);
  let storms = 0;
  const storming = {
    name: "storm",
    operation: async (n: number) => {
      const call = () => guard.execute("pay", { ...PAYLOAD, orderId: `${unique}-storm-${n}` });
      const outcomes = await Promise.all(Array.from({ length: CALLERS }, call));
      if (outcomes.filter(({ status }) => status === "executed").length !== 1) throw new Error("not executed once");
      storms++;
    },
  };
  const perStorm: number[] = [];
  const counted = {
    name: storming.name,
    measure: async (concurrent: number) => {
      const [sent, before] = [statements?.() ?? 0, storms];
      const run = await timed(storming, settings).measure(concurrent);
      if (statements) perStorm.push((statements() - sent) / (storms - before));
      return run;
    },
  };
  const rows: Row[] = [];
  for (const concurrent of settings.callers) {
    perStorm.length = 0;
    const [a = [], b = []] = await inTurn([counted, timed(first, settings)], concurrent, settings);
    const [us, them] = [summarise(a), summarise(b)];
    const times = ratio(a, b, (run) => run.p99Ms);
    const each = perStorm.length > 0 ? Math.max(...perStorm) : null;
    rows.push({
      cells: [
        name,
        String(concurrent),
        figure(us.perSecond, 0),
        figure(us.p99Ms, 2),
        figure(them.p99Ms, 2),
        figure(times),
        each === null ? "" : figure(each, 2),
      ],
      goal: concurrent === 1 ? atMost(times, 2) : undefined,
      data: { store: name, concurrent, storm: us, single: them, ratio: times, statements: each },
    });
    progress(
      `storm on ${name}, ${concurrent} at a time: p99 ${figure(us.p99Ms)} ms, ${figure(times)}x of one execution`,
    );
  }
  await guard.close();
  return rows;
}

/** A pool, and how many statements went through it. */
function counting(pool: pg.Pool): { readonly pool: PostgresPool; readonly count: () => number } {
  let count = 0;
  return {
    pool: {
      query: (query) => {
        count++;
        return pool.query(query);
      },
      connect: () => {
        count++;
        return pool.connect() as never;
      },
      on: (event, listener) => pool.on(event, listener),
    },
    count: () => count,
  };
}
