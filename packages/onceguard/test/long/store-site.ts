import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { type Fault, postgresReplies, startLostAckProxy } from "../../src/testing/lost-ack-proxy.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { startPostgres } from "../support/postgres.ts";
import { startPostgresPair } from "./postgres-pair.ts";

export const SITES = ["sqlite", "postgres", "pgbouncer", "failover"] as const;

/** Where the receipts are: a file; a PostgreSQL; the same behind PgBouncer in transaction mode; a pair with failover. */
export type SiteKind = (typeof SITES)[number];

export interface StoreSite {
  /** For those who are killed: through a proxy that loses acknowledgements. */
  readonly address: StoreAddress;
  /** For those who judge. */
  readonly direct: () => StoreAddress;
  /** The database goes away like a process that is killed, and comes back. Null for a file. */
  readonly strike: (() => Promise<void>) | null;
  /** From now on it acknowledges what it has not written, and a strike loses it. */
  readonly forget?: () => Promise<void>;
  /** How often the proxy has broken something. */
  readonly faults: () => number;
  /** No more faults. */
  calm(): void;
  remove(): Promise<void>;
}

const BROKEN: readonly Fault[] = [
  { mode: "reset" },
  { mode: "reset", forward: true },
  { mode: "dropped_reply", ending: "cut" },
  { mode: "dropped_reply", ending: "cut" },
  { mode: "dropped_reply", ending: "hang" },
  { mode: "black_hole" },
];

/** Parse or Bind: a statement, and not a log-in, after whose failure PgBouncer sits out 15 seconds. */
const isStatement = (chunk: Buffer): boolean => chunk[0] === 0x50 || chunk[0] === 0x42;

export async function openSite(kind: SiteKind, seed: number): Promise<StoreSite> {
  if (kind === "sqlite") return sqliteSite();
  const cleanUp: (() => Promise<unknown>)[] = [];
  try {
    const { url, strike, stop } = kind === "failover" ? await pairServer() : await singleServer();
    cleanUp.push(stop);
    const pooler = kind === "pgbouncer" ? await startPgBouncer(url()) : null;
    if (kind === "pgbouncer" && pooler === null) throw new Error("PgBouncer is not installed (Debian: pgbouncer)");
    if (pooler) cleanUp.unshift(() => pooler.stop());
    const behind = () => new URL(pooler?.url ?? url());
    // Where a standby takes over, new connections go to it: as a virtual address or a name would.
    const target = {
      host: "127.0.0.1",
      get port() {
        return Number(behind().port);
      },
    };
    const proxy = await startLostAckProxy({ target, boundary: postgresReplies });
    cleanUp.unshift(() => proxy.close());
    proxy.byChance({ seed, probability: 0.01, faults: BROKEN, match: isStatement });
    const through = behind();
    through.port = String(proxy.port);
    return {
      address: { kind: "postgres", url: through.href },
      direct: () => ({ kind: "postgres", url: url() }),
      strike,
      forget: () => forgetful(url()),
      faults: () => proxy.injected.reset + proxy.injected.black_hole + proxy.injected.dropped_reply,
      calm: () => proxy.byChance(null),
      remove: async () => {
        for (const undo of cleanUp) await undo();
      },
    };
  } catch (error) {
    for (const undo of cleanUp) await undo();
    throw error;
  }
}

function sqliteSite(): StoreSite {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-store-"));
  const address = { kind: "sqlite", path: join(dir, "onceguard.db") } as const;
  return {
    address,
    direct: () => address,
    strike: null,
    faults: () => 0,
    calm: () => undefined,
    remove: async () => rmSync(dir, { recursive: true, force: true }),
  };
}

interface Server {
  readonly url: () => string;
  readonly strike: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

async function singleServer(): Promise<Server> {
  const server = await startPostgres();
  return {
    url: () => server.url,
    strike: async () => {
      await server.stopImmediate();
      await server.restart();
    },
    stop: () => server.stop(),
  };
}

async function pairServer(): Promise<Server> {
  const pair = await startPostgresPair();
  return {
    url: () => pair.url,
    strike: async () => {
      await pair.failOver();
      await pair.addStandby();
    },
    stop: () => pair.stop(),
  };
}

/** Commits do not wait for the disk, and nobody else writes them there. */
async function forgetful(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    // Of the role: it has the last word over what the server was started with.
    await client.query("ALTER ROLE postgres SET synchronous_commit = off");
    await client.query("CHECKPOINT");
    const { rows } = await client.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
    process.kill(rows[0].pid, "SIGSTOP");
  } finally {
    await client.end();
  }
}
