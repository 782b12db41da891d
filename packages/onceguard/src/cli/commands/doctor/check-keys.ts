import { resolve } from "node:path";
import type { KeyRing } from "../../../core/key-ring.ts";
import type { Store } from "../../../core/ports.ts";
import type { Receipt } from "../../../core/receipt.ts";
import { fromEnvironment } from "../../config-source.ts";
import type { LoadedConfig } from "../../load-config.ts";
import { type Check, ok, problem } from "./check.ts";
import { checkPrivateFolder } from "./check-folder.ts";

const UNREADABLE = "Private fields cannot be read, and a retry of what they are part of cannot be answered.";

/** Receipts are looked through up to here, and keys opened up to there: a sample shows a wrong master key. */
const RECEIPTS = 500;
const KEYS = 20;
const PAGE = 100;

/** The folder of a config's `keys`; a key ring made in code knows best where its keys are. */
export function checkKeyFolder({ config: { keys }, folder, path }: LoadedConfig): Check[] {
  if (keys === undefined || "current" in keys) return [];
  return checkPrivateFolder(resolve(folder, fromEnvironment(keys.folder, path)), {
    name: "keys",
    why: "A key that cannot be made is an effect with private fields that is not made.",
    holds: "the keys, which the master key protects",
  });
}

/** Whether the keys open that the receipts of this store name. */
export async function checkKeyRing(keys: KeyRing, store: Store): Promise<Check> {
  const named = await keysNamed(store);
  let missing = 0;
  for (const { tenant, keyId, requestId } of named) {
    try {
      if ((await keys.find(tenant, keyId)) === null) missing += 1;
    } catch (error) {
      return problem(
        "keys",
        `the key of ${requestId} does not open: ${(error as Error).message}`,
        `${UNREADABLE} New keys would be made beside the old ones.`,
        "Set the master key that was set when it was made.",
      );
    }
  }
  if (missing > 0) {
    return problem(
      "keys",
      `${missing} of the ${named.length} keys that receipts name are not there`,
      UNREADABLE,
      "Name the folder that was used before, or put its backup back.",
    );
  }
  return ok(
    "keys",
    named.length === 0 ? "no receipt needs one" : `open what the receipts hold (${named.length} tried)`,
  );
}

type Named = Pick<Receipt, "tenant" | "requestId"> & { readonly keyId: string };

/** One request per key. Not of what is forgotten: its key may have been destroyed on purpose. */
async function keysNamed(store: Store): Promise<readonly Named[]> {
  const found = new Map<string, Named>();
  let after: Receipt | undefined;
  for (let seen = 0; seen < RECEIPTS && found.size < KEYS; seen += PAGE) {
    const page = await store.list({ limit: PAGE, after });
    for (const { tenant, requestId, keyId, state } of page) {
      if (keyId !== null && state !== "expired" && found.size < KEYS)
        found.set(`${tenant} ${keyId}`, { tenant, requestId, keyId });
    }
    after = page.at(-1);
    if (page.length < PAGE) break;
  }
  return [...found.values()];
}
