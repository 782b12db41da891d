import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { startRedis } from "../../packages/onceguard/test/support/redis.ts";
import type { Contender, Stores } from "./contender.ts";
import { startAdminDoor, startRestate } from "./restate-server.ts";
import { type StoreProxy, startStoreProxy } from "./store-proxy.ts";
import { http2Protocol, httpProtocol, postgresProtocol, redisProtocol } from "./wire.ts";

/** What one contender may remember with in one world, and the proxies before it. */
export interface TrackStores {
  /** As the worker sees them: through the proxies. */
  readonly stores: Stores;
  /** For what is done before there is a worker. */
  readonly direct: Stores;
  /** Where a write is caught before the effect, and where after it. Null: there is no store. */
  readonly before: StoreProxy | null;
  readonly after: StoreProxy | null;
  readonly proxies: readonly StoreProxy[];
  /** With no worker running. */
  backup(): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** @param postgres a superuser's address of a running server; the contender gets a database of its own on it. */
export async function openStores(
  contender: Pick<Contender, "needs">,
  name: string,
  postgres: string,
): Promise<TrackStores> {
  const directory = mkdtempSync(join(tmpdir(), "onceguard-track-"));
  const nothing: Stores = { postgres: "", redis: "", directory };
  const opened = contender.needs.includes("postgres")
    ? await postgresStores(nothing, name, postgres)
    : contender.needs.includes("redis")
      ? await redisStores(nothing)
      : contender.needs.includes("restate")
        ? await restateStores(nothing)
        : noStores(nothing);
  return {
    ...opened,
    close: async () => {
      for (const proxy of opened.proxies) proxy.close();
      await opened.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function noStores(stores: Stores): TrackStores {
  const nothing = async (): Promise<void> => undefined;
  return {
    stores,
    direct: stores,
    before: null,
    after: null,
    proxies: [],
    backup: nothing,
    restore: nothing,
    close: nothing,
  };
}

async function postgresStores(nothing: Stores, name: string, server: string): Promise<TrackStores> {
  const database = `track_${name.replaceAll(/\W/g, "_").toLowerCase()}`;
  const at = (port: string): string => Object.assign(new URL(server), { pathname: `/${database}`, port }).href;
  const proxy = await startStoreProxy(postgresProtocol, Number(new URL(server).port));
  const run = async (...statements: string[]): Promise<void> => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  };
  const drop = `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`;
  await run(drop, `CREATE DATABASE ${database}`);
  return {
    stores: { ...nothing, postgres: at(String(proxy.port)) },
    direct: { ...nothing, postgres: at(new URL(server).port) },
    before: proxy,
    after: proxy,
    proxies: [proxy],
    // A copy of the database's files, which the server makes itself.
    backup: async () => {
      proxy.cutAll();
      const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`;
      await run(end, `CREATE DATABASE ${database}_backup TEMPLATE ${database} STRATEGY FILE_COPY`);
    },
    restore: async () => {
      proxy.cutAll();
      await run(drop, `CREATE DATABASE ${database} TEMPLATE ${database}_backup STRATEGY FILE_COPY`);
    },
    close: () => run(drop, `DROP DATABASE IF EXISTS ${database}_backup`),
  };
}

async function redisStores(nothing: Stores): Promise<TrackStores> {
  const redis = await startRedis();
  if (!redis) throw new Error("redis-server is not installed (Debian: redis-server)");
  const proxy = await startStoreProxy(redisProtocol, redis.port);
  const client = new Redis(redis.port, "127.0.0.1", { lazyConnect: true });
  const dump = new Map<string, { readonly value: Buffer; readonly ttl: number }>();
  return {
    stores: { ...nothing, redis: `redis://127.0.0.1:${proxy.port}` },
    direct: { ...nothing, redis: `redis://127.0.0.1:${redis.port}` },
    before: proxy,
    after: proxy,
    proxies: [proxy],
    backup: async () => {
      for (const key of await client.keys("*")) {
        const [value, ttl] = [await client.dumpBuffer(key), await client.pttl(key)];
        if (value) dump.set(key, { value, ttl: Math.max(0, ttl) });
      }
    },
    restore: async () => {
      await client.flushall();
      for (const [key, { value, ttl }] of dump) await client.restore(key, ttl, value);
    },
    close: async () => {
      client.disconnect();
      await redis.stop();
    },
  };
}

/** Its server stands between the caller and the worker: what is asked of it and what it is told are two connections. */
async function restateStores(nothing: Stores): Promise<TrackStores> {
  const restate = await startRestate();
  const ingress = await startStoreProxy(httpProtocol, restate.ingressPort);
  const endpoint = await startStoreProxy(http2Protocol, 1, true);
  // Connections to the worker that stood there before end with its place, as at a load balancer.
  const door = await startAdminDoor(restate.adminPort, endpoint.port, (port) => {
    endpoint.cutAll();
    endpoint.target(port);
  });
  const places = {
    ingress: `http://127.0.0.1:${ingress.port}`,
    admin: `http://127.0.0.1:${door.port}`,
  };
  return {
    stores: { ...nothing, restate: places },
    direct: { ...nothing, restate: places },
    before: ingress,
    after: endpoint,
    proxies: [ingress, endpoint],
    backup: restate.backup,
    restore: restate.restore,
    close: async () => {
      door.close();
      await restate.stop();
    },
  };
}
