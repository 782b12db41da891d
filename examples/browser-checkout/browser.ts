import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env.ONCEGUARD_TEST_CHROMIUM ?? "/usr/bin/chromium";

/** As of a command that cannot be run here. */
const SKIPPED = 77;

/** Chromium. Where none is installed the example ends here, as one that cannot be told. */
export async function startBrowser(): Promise<Browser> {
  if (existsSync(CHROMIUM)) {
    return chromium.launch({ executablePath: CHROMIUM, args: ["--headless", "--no-sandbox", "--disable-gpu"] });
  }
  console.error(`there is no Chromium at ${CHROMIUM}`);
  process.exit(SKIPPED);
}

/** A shop with an empty ledger. */
export async function openShop() {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-example-"));
  const ledger = join(folder, "ledger");
  const child = fork(fileURLToPath(new URL("shop.ts", import.meta.url)), [ledger]);
  const [url] = (await once(child, "message")) as [string];
  return {
    url,
    folder,
    /** How many orders of this cart there are, by the ledger. */
    orders: (cart: string): number =>
      readFileSync(ledger, "utf8")
        .split("\n")
        .filter((line) => line === cart).length,
    stop: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
