import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createGuard } from "../../../src/pipeline/create-guard.ts";
import type { Guard, GuardOptions } from "../../../src/pipeline/guard.ts";
import { sqliteStore } from "../../../src/stores/sqlite/sqlite-store.ts";

export interface Order {
  readonly order: string;
  readonly cents: number;
  readonly note?: string | undefined;
}

/** A payment desk outside of everything that is tested, and its own ledger. */
export interface Desk {
  readonly folder: string;
  /** Takes the money. Knows nothing of keys, and does it as often as it is asked. */
  charge(order: Order): { readonly receipt: string };
  /** The judge. */
  charged(): readonly Order[];
}

/** A test that runs beside others cleans up after itself by its own `whenFinished`. */
export function newDesk(whenFinished: (cleanUp: () => void) => void = onTestFinished): Desk {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-desk-"));
  whenFinished(() => rmSync(folder, { recursive: true, force: true }));
  const ledger = join(folder, "ledger.jsonl");
  writeFileSync(ledger, "");
  const charged = () =>
    readFileSync(ledger, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Order);
  return {
    folder,
    charged,
    charge: (order) => {
      appendFileSync(ledger, `${JSON.stringify(order)}\n`);
      return { receipt: `r${charged().length}` };
    },
  };
}

/** A guard with a store in the desk's folder. Every story has its own. */
export function guardOf({ folder }: Desk, options: Partial<GuardOptions> = {}): Guard {
  const guard = createGuard({
    store: sqliteStore({ path: join(folder, "onceguard.db") }),
    sweepEvery: false,
    grace: 0,
    onBackgroundError: () => undefined,
    ...options,
  });
  onTestFinished(() => guard.close());
  return guard;
}
