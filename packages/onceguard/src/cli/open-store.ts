import { closeSync, existsSync, openSync } from "node:fs";
import { relative, resolve } from "node:path";
import { OnceguardError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";

/** Where the receipts are, as the command line, the environment or the config says it. */
export type StoreTarget =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string }
  | { readonly kind: "own"; readonly store: Store };

const FORMS = 'Use "sqlite:onceguard.db" or "postgres://user@host/database".';

/**
 * @param folder what a relative path of SQLite is relative to.
 * @throws OnceguardError `invalid_store_url`
 */
export function parseStoreUrl(url: string, folder: string): StoreTarget {
  const scheme = /^([a-z]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === "sqlite") return { kind: "sqlite", path: sqlitePath(url.slice("sqlite:".length), folder) };
  if (scheme === "postgres" || scheme === "postgresql") {
    if (!URL.canParse(url))
      throw invalid(`This postgres URL cannot be read; is its password percent-encoded? ${FORMS}`);
    return { kind: "postgres", url };
  }
  // A URL may carry a password, so no more of it is repeated than its scheme.
  throw invalid(scheme ? `There is no store of kind "${scheme}:". ${FORMS}` : `The store has no kind. ${FORMS}`);
}

function sqlitePath(path: string, folder: string): string {
  if (path === "") throw invalid(`The store "sqlite:" names no file. ${FORMS}`);
  if (path === ":memory:")
    throw invalid("Receipts in memory end with the process that should be guarded. Name a file.");
  if (path.startsWith("//")) throw invalid(`"sqlite:" is followed by a path, not by "//". ${FORMS}`);
  const absolute = resolve(folder, path);
  const fromHere = relative(process.cwd(), absolute);
  return fromHere.startsWith("..") || fromHere === "" ? absolute : fromHere;
}

function invalid(message: string): OnceguardError {
  return new OnceguardError("invalid_store_url", message, {});
}

/**
 * The store, not yet connected. Each kind is loaded when it is asked for: `pg` is an optional dependency.
 *
 * @param create a command that only looks must not make an empty store where somebody mistyped its name.
 * @throws OnceguardError `store_unusable`
 */
export async function openStore(target: StoreTarget, create: boolean): Promise<Store> {
  switch (target.kind) {
    case "own":
      if (target.store.durable) return target.store;
      throw new OnceguardError(
        "store_unusable",
        "The config's store keeps receipts in memory: they would end with this process. Name a file or a database.",
        { store: target.store.name },
      );
    case "postgres": {
      const { postgresStore } = await import("../stores/postgres/postgres-store.ts");
      return postgresStore({ url: target.url, maxConnections: 4 });
    }
    case "sqlite": {
      if (create) makePrivate(target.path);
      else if (!existsSync(target.path)) throw noStore(target.path);
      const { sqliteStore } = await import("../stores/sqlite/sqlite-store.ts");
      return sqliteStore({ path: target.path });
    }
  }
}

/** Payloads and results are nobody else's business: a new file is its owner's, whatever the umask. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It is there already, or cannot be made; the store says what is wrong.
  }
}

function noStore(path: string): OnceguardError {
  return new OnceguardError(
    "store_unusable",
    `There is no store at ${path}: nothing has been guarded there yet. Name another with --store, or make one with \`onceguard migrate\`.`,
    { store: `sqlite:${path}` },
  );
}
