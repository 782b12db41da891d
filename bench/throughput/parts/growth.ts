import { statSync } from "node:fs";
import { join } from "node:path";
import { createGuard, defineAction, type Guard, type Store } from "onceguard";
import { postgresStore } from "onceguard/postgres";
import { sqliteStore } from "onceguard/sqlite";
import { withServer } from "../bench-server.ts";
import { expect, KNOWN, PAYLOAD, unique } from "../contenders.ts";
import { grownId, growPostgres, growSqlite, TEMPLATE } from "../grow.ts";
import { inTurn, ratio, timed } from "../in-turn.ts";
import { type Contender, summarise } from "../measure.ts";
import { atMost, figure, type Row, type Table } from "../report.ts";
import { withFolder } from "../scratch.ts";
import { progress, type Settings } from "../settings.ts";

const CALLERS = [1, 64];
const GOAL = 1.15;

const pay = defineAction({
  name: "pay",
  riskTier: "side_effecting",
  execute: (payload: typeof PAYLOAD) => ({ paid: payload.amount }),
});

/** A store with very many receipts beside an empty one, in turn. */
export async function growth(settings: Settings): Promise<readonly Table[]> {
  const rows: Row[] = [];
  await withFolder(async (folder) => {
    const [small, large] = [join(folder, "empty.db"), join(folder, "grown.db")];
    await template(sqliteStore({ path: large }));
    growSqlite(large, settings.receipts);
    progress(`  ${figure(statSync(large).size / settings.receipts, 0)} bytes per receipt in the file`);
    rows.push(...(await beside("SQLite", sqliteStore({ path: small }), sqliteStore({ path: large }), null, settings)));
  });
  await withServer(async (server) => {
    const store = (schema: string) => postgresStore({ url: server.url, schema });
    await template(store("grown"));
    await growPostgres(server, "grown", settings.receipts);
    const [size] = await server.query<{ bytes: string }>(
      "SELECT sum(pg_total_relation_size(oid)) AS bytes FROM pg_class WHERE relnamespace = 'grown'::regnamespace AND relkind = 'r'",
    );
    progress(`  ${figure(Number(size?.bytes) / settings.receipts, 0)} bytes per receipt in the database`);
    rows.push(...(await beside("PostgreSQL", store("empty"), store("grown"), server.pid, settings)));
  });
  const of = figure(settings.receipts, 0);
  return [
    {
      title: `Growth from empty to ${of} receipts`,
      about: `Time per call on a store with ${of} receipts (with two lines each in the log) over that on an empty one, in turn. Replays are of any of them at random: most are in no cache of the store's own.`,
      columns: ["", "callers", "empty, per second", "grown, per second", "time", "processor time"],
      rows,
    },
  ];
}

async function template(store: Store): Promise<void> {
  const guard = createGuard({ store, actions: [pay], sweepEvery: false });
  expect(await guard.execute("pay", PAYLOAD, { requestId: TEMPLATE }), "executed");
  await guard.close();
}

async function beside(
  name: string,
  empty: Store,
  grown: Store,
  pid: number | null,
  settings: Settings,
): Promise<Row[]> {
  const guards = [empty, grown].map((store) => createGuard({ store, actions: [pay], sweepEvery: false }));
  const [small, large] = guards as [Guard<[typeof pay]>, Guard<[typeof pay]>];
  for (let n = 0; n < KNOWN; n++) await call(small, grownId(n + 1));
  const sides = {
    "first execution": [first(small), first(large)],
    replay: [replay(small, KNOWN), replay(large, settings.receipts)],
  } as const;
  const rows: Row[] = [];
  for (const [what, [before, after]] of Object.entries(sides)) {
    for (const callers of CALLERS) {
      const [a = [], b = []] = await inTurn(
        [timed(before, settings, pid), timed(after, settings, pid)],
        callers,
        settings,
      );
      const times = ratio(a, b);
      const processor = ratio(b, a, ({ clientMicros, serverMicros }) => (clientMicros ?? 0) + (serverMicros ?? 0));
      const [less, more] = [summarise(a), summarise(b)];
      rows.push({
        cells: [
          `${name}, ${what}`,
          String(callers),
          figure(less.perSecond, 0),
          figure(more.perSecond, 0),
          `${figure(times)}x`,
          `${figure(processor)}x`,
        ],
        goal: atMost(times, GOAL),
        data: { name, what, callers, receipts: settings.receipts, empty: less, grown: more, ratio: times, processor },
      });
      progress(
        `${name}, ${what}, ${callers} callers: ${figure(times)}x the time of empty, ${figure(processor)}x processor`,
      );
    }
  }
  for (const guard of guards) await guard.close();
  return rows;
}

function call(guard: Guard<[typeof pay]>, requestId: string) {
  return guard.execute("pay", PAYLOAD, { requestId });
}

function first(guard: Guard<[typeof pay]>): Contender {
  return {
    name: "",
    operation: async (n) => expect(await call(guard, grownId(-1 - n) + unique.slice(-4)), "executed"),
  };
}

function replay(guard: Guard<[typeof pay]>, known: number): Contender {
  const any = () => grownId(1 + Math.floor(Math.random() * known));
  return { name: "", operation: async () => expect(await call(guard, any()), "replayed") };
}
