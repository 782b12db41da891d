// What the adapters of the engines share.
import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Said, World } from "../../contender.ts";

/** How long a delivery waits for the engine's word. After that the caller is told to deliver again, before it hangs up. */
export const PATIENCE_MS = 5_000;

/** How long a worker may be silent before its job is handed on. Longer than one call of the world may take. */
export const LEASE_SECONDS = 4;

export const LATER: Said = { said: "later" };

export function done(result: unknown): Said {
  return { said: "done", result };
}

export function failed(error: unknown): Said {
  const why = typeof error === "object" && error !== null && "message" in error ? error.message : error;
  return { said: "failed", why: String(why) };
}

/** The installed version of a package. */
export function versionOf(name: string): string {
  const file = findPackageJSON(name, import.meta.url);
  if (file === undefined) throw new Error(`${name} is not installed`);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** A provider's key, where the world takes one: the same for every attempt. */
export function keyed(world: World, key: string): { readonly key?: string } {
  return world.offers.key ? { key } : {};
}

/** What the engine says within the patience of a caller, asked again and again. */
export async function polled(ask: () => Promise<Said | undefined>): Promise<Said> {
  const end = Date.now() + PATIENCE_MS;
  do {
    const said = await ask();
    if (said) return said;
    await sleep(50);
  } while (Date.now() < end);
  return LATER;
}

/** A pool that survives the connections it loses, and whose locks do not survive a process that is frozen in a transaction. */
export function poolOf(url: string): pg.Pool {
  const frozen = LEASE_SECONDS * 1_000;
  const pool = new pg.Pool({ connectionString: url, max: 5, idle_in_transaction_session_timeout: frozen });
  pool.on("error", () => undefined);
  return pool;
}
