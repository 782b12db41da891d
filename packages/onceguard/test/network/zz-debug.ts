import { startPostgres, createDatabase } from "../support/postgres.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { startLostAckProxy, postgresReplies } from "../../src/testing/lost-ack-proxy.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { createGuard } from "../../src/pipeline/create-guard.ts";
import { defineAction } from "../../src/core/action.ts";
const server = await startPostgres();
const own = await createDatabase(server.url);
const proxy = await startLostAckProxy({ target: { host: "127.0.0.1", port: server.port }, boundary: postgresReplies });
const u = new URL(own); u.port = String(proxy.port);
const pooler = (await startPgBouncer(u.href))!;
console.log("pooler", pooler.url);

import { startFlakyWorld } from "../support/flaky-world.ts";
import { paymentGuard } from "./support/payments.ts";
const world = await startFlakyWorld();

import { withVerbs } from "../support/guard.ts";
const pend = new Map<symbol, string>();
function tracked(store: any) {
  const verbs: any = {};
  for (const v of ["open", "claim", "apply", "renew", "find", "due", "list", "append"]) verbs[v] = async (...a: any[]) => {
    const k = Symbol(); pend.set(k, `${v}@${Math.round(performance.now() - T0)}`);
    try { return await store[v](...a); } finally { pend.delete(k); }
  };
  return withVerbs(store, verbs);
}
const T0 = performance.now();
const guards = [1, 2].map(() => paymentGuard({ store: tracked(postgresStore({ url: pooler.url, statementTimeoutMs: 300, maxConnections: 6, maxBatch: 4 })), worldUrl: `http://127.0.0.1:${world.port}` }));
await guards[0]!.guard.receipts({ limit: 1 });
const t0 = performance.now();
proxy.byChance({ seed: Number(process.argv[2]), probability: 0.15, match: (c) => c[0] !== 0, faults: [{ mode: "reset" }, { mode: "reset", forward: true }, { mode: "black_hole" }, { mode: "dropped_reply", ending: "cut" }, { mode: "dropped_reply", ending: "hang" }] });
const CAPS = ["none", "probe", "downstream_key", "probe_and_downstream_key"] as const;
let stop = false;
const tick = setInterval(() => console.log("   ", Math.round(performance.now() - t0), JSON.stringify(proxy.injected), proxy.connections, [...pend.values()].slice(0,12).join(" "), pend.size), 3000);
for (let w = 0; w < 12; w++) {
  const r = await Promise.all(Array.from({ length: 32 }, (_, n) => guards.map(async (g) => {
    const c: Record<string, number> = {};
    for (let i = 0; i < 60; i++) {
      const kk = Symbol(); pend.set(kk, `pay ${CAPS[n % 4]} ${w}.${n}@${Math.round(performance.now() - T0)}`);
      const x = await g.pay(CAPS[n % 4]!, `${w}.${n}`);
      pend.delete(kk);
      const k = x.status + ("reason" in x ? ` ${x.reason.slice(-40)}` : ""); c[k] = (c[k] ?? 0) + 1;
      if (["executed", "replayed", "review", "failed"].includes(x.status)) break;
      await new Promise((r) => setTimeout(r, 50));
    }
    return c;
  })).flat());
  const c: Record<string, number> = {};
  for (const x of r) for (const [k, v] of Object.entries(x)) c[k] = (c[k] ?? 0) + v;
  console.log(Math.round(performance.now() - t0), w, JSON.stringify(c), JSON.stringify(proxy.injected), proxy.connections);
}
proxy.byChance(null);
for (const g of guards) await g.guard.close();
console.log("closed");
await pooler.stop(); await proxy.close(); await server.stop(); await world.stop(); clearInterval(tick);
