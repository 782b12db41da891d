/**
 * How many entries of the log a second are sealed, and how many rows a second are verified: a first pass over a whole log,
 * passes over what is new, the log with the store's rows, the sealed log alone, and one bundle.
 *
 *   node bench/seal.ts [--entries 100000 --runs 5 --only sqlite|postgres --json]     (after `npm run build`)
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createGuard, defineAction, type Store } from "onceguard";
import { postgresStore } from "onceguard/postgres";
import { makeBundle, newKey, openSealer, readSealedLog, verifyBundle, verifyLog } from "onceguard/seal";
import { sqliteStore } from "onceguard/sqlite";
import { startPostgres } from "../packages/onceguard/test/support/postgres.ts";
import { median } from "./throughput/measure.ts";

const { values: options } = parseArgs({
  options: {
    entries: { type: "string", default: "100000" },
    runs: { type: "string", default: "5" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const entries = Number(options.entries);
const runs = Number(options.runs);
const ORIGIN = "bench.example/log";
const KEY = newKey(0);
const results: Record<string, unknown>[] = [];

const flag = defineAction({
  name: "flag",
  riskTier: "side_effecting",
  keyFields: ["id"],
  record: (payload: { id: number }) => `shipment:${payload.id}`,
  before: () => ({ priority: "normal", carrier: "post", lines: [1, 2, 3] }),
  after: () => ({ priority: "urgent", carrier: "post", lines: [1, 2, 3] }),
  execute: () => "done",
});

async function timed<Answer>(work: () => Promise<Answer>): Promise<{ answer: Answer; seconds: number }> {
  const start = performance.now();
  const answer = await work();
  return { answer, seconds: (performance.now() - start) / 1_000 };
}

async function* rowsOf(store: Store) {
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const page = await store.searchLog({ order: "oldest", after, limit: 1_000 });
    yield* page;
    if (page.length < 1_000) return;
    after = page.at(-1)?.seq ?? after;
  }
}

async function bench(name: string, store: Store, folder: string): Promise<void> {
  const guard = createGuard({ store, actions: [flag], sweepEvery: false, spill: false });
  let made = 0;
  const make = async (upTo: number): Promise<void> => {
    while ((await count()) < upTo) {
      const calls = Array.from({ length: 256 }, () => guard.execute("flag", { id: made++ }));
      await Promise.all(calls);
    }
  };
  let seen = 0;
  let last = Number.MIN_SAFE_INTEGER;
  const count = async (): Promise<number> => {
    for (let page: readonly unknown[] = [null]; page.length > 0; ) {
      const found = await store.searchLog({ order: "oldest", after: last, limit: 1_000 });
      last = found.at(-1)?.seq ?? last;
      seen += found.length;
      page = found;
    }
    return seen;
  };
  await make(entries);
  const size = await count();

  const rates = new Map<string, number[]>();
  const add = (what: string, rate: number): void => {
    rates.set(what, [...(rates.get(what) ?? []), rate]);
  };
  let bytes = 0;
  for (let run = 0; run < runs; run++) {
    const into = join(folder, `${run}`);
    const place = { store, folder: into, origin: ORIGIN, keys: [KEY] };
    const sealer = await openSealer(place);
    const { answer, seconds } = await timed(() => sealer.seal());
    if (answer.size < size) throw new Error(`sealed ${answer.size} of ${size}`);
    add("sealed, first pass", answer.size / seconds);
    bytes = statSync(join(into, "leaves")).size / answer.size;

    const log = readSealedLog(into);
    const { secret } = await store.open();
    const given = { log, origin: ORIGIN, keys: [KEY], anchors: [log.checkpoints.at(-1) ?? ""] };
    const whole = await timed(() => verifyLog({ ...given, rows: { entries: rowsOf(store), secret } }));
    if (whole.answer.problems.length > 0) throw new Error(JSON.stringify(whole.answer.problems.slice(0, 3)));
    add("verified, with the rows", answer.size / whole.seconds);
    const alone = await timed(() => verifyLog(given));
    add("verified, sealed log alone", answer.size / alone.seconds);

    const [receipt] = await guard.receipts({ limit: 1, states: ["succeeded"] });
    if (!receipt) throw new Error("no receipt");
    const bundle = await makeBundle(receipt, log, given.anchors, [KEY]);
    const one = await timed(async () => {
      for (let n = 0; n < 200; n++) {
        const verdict = await verifyBundle(bundle, [KEY]);
        if (verdict?.problems.length !== 0) throw new Error("the bundle is not valid");
      }
    });
    add("bundles verified", 200 / one.seconds);
    sealer.close();
  }
  for (const [what, all] of rates) {
    const perSecond = median(all);
    results.push({ store: name, what, entries: size, perSecond, all });
    process.stderr.write(`${name.padEnd(12)} ${what.padEnd(28)} ${perSecond.toFixed(0).padStart(8)}/s\n`);
  }
  process.stderr.write(`${name.padEnd(12)} ${"bytes per leaf".padEnd(28)} ${bytes.toFixed(0).padStart(8)}\n`);
  await guard.close();
}

const parts = {
  sqlite: async (folder: string) => bench("SQLite", sqliteStore({ path: join(folder, "log.db") }), folder),
  postgres: async (folder: string) => {
    const server = await startPostgres();
    try {
      await bench("PostgreSQL", postgresStore({ url: server.url }), folder);
    } finally {
      await server.stop();
    }
  },
};
for (const [name, part] of Object.entries(parts)) {
  if (options.only !== undefined && options.only !== name) continue;
  const folder = mkdtempSync(join(tmpdir(), "onceguard-bench-"));
  await part(folder).finally(() => rmSync(folder, { recursive: true }));
}
if (options.json) process.stdout.write(`${JSON.stringify({ node: process.version, runs, results }, null, 2)}\n`);
