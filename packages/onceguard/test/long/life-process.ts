// The program of `startLife`: pays and asks, as fast as it can, until it is killed. Its standard output is its history.
import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { createGuard, type Store } from "../../src/index.ts";
import { seededRandom } from "../../src/testing/lost-ack-proxy.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";
import { actionOf, longRunActions } from "./actions.ts";
import { recordingCaller } from "./caller.ts";
import type { LifeOptions } from "./life.ts";

const CALLERS = 4;

const options = JSON.parse(process.argv[2] as string) as LifeOptions;
const random = seededRandom(options.seed);
const actions = longRunActions(options.world).filter(({ probe }) => !options.zombie || probe === null);

const guard = createGuard({
  store: await openStore(options.store),
  actions,
  lease: "1500ms",
  wait: "250ms",
  grace: "1s",
  storeTimeout: "1s",
  sweepEvery: "300ms",
  spill: options.spill,
  onBackgroundError: (error) => {
    if ((error as { code?: string }).code !== "store_unavailable") console.error("in the background:", error);
  },
});
const caller = recordingCaller(guard, (line) => writeSync(1, `${JSON.stringify(line)}\n`));

/** Each store loads its own driver only. */
async function openStore(address: StoreAddress): Promise<Store> {
  if (address.kind === "sqlite") {
    const { sqliteStore } = await import("../../src/stores/sqlite/sqlite-store.ts");
    return sqliteStore({ path: address.path });
  }
  const { postgresStore } = await import("../../src/stores/postgres/postgres-store.ts");
  return postgresStore({ url: address.url, maxConnections: 3, statementTimeoutMs: 1_000 });
}

/** What everybody works on at this time, in an order of its own, and some of what they did a while ago. */
function* payments(): Generator<string> {
  const { first, count } = options;
  const current = Array.from({ length: count }, (_, n) => first + n);
  const earlier = Array.from({ length: count / 4 }, () => first - Math.floor(random() * count * 5));
  const known = new Set(actions.map(({ name }) => name));
  for (const number of [...current, ...earlier].sort(() => random() - 0.5)) {
    if (number >= 0 && known.has(actionOf(`k${number}`))) yield `k${number}`;
  }
}

async function work(queue: Iterator<string>): Promise<void> {
  for (let next = queue.next(); !next.done; next = queue.next()) {
    await (random() < 0.2 ? caller.receipt(next.value) : caller.execute(next.value));
  }
}

flushCompileCache();
for (;;) {
  const queue = payments();
  await Promise.all(Array.from({ length: CALLERS }, () => work(queue)));
  await sleep(20);
}
