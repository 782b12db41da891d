// Opens the stores its parent names, and says what came of it.
import type { StoreInfo } from "../../src/index.ts";
import { postgresStore } from "../../src/stores/postgres/postgres-store.ts";
import { sqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";

export type Opened = StoreInfo | { readonly code: string; readonly message: string };

process.on("message", async (address: StoreAddress) => {
  const store =
    address.kind === "sqlite"
      ? sqliteStore({ path: address.path })
      : postgresStore({ url: address.url, maxConnections: 2 });
  const opened: Opened = await store.open().catch(({ code, message }) => ({ code, message }));
  await store.close();
  process.send?.(opened);
});

process.send?.("ready");
