import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** An order desk in a process of its own, and its ledger: the judge of what really happened. */
export interface Shop {
  readonly url: string;
  /** What it did for this reference, in order. */
  orders(
    ref: string,
  ): readonly { id: number; ref: string; key: string | null; path: string; authorization: string | null }[];
  /** How many orders there are at all. */
  count(): number;
  release(): Promise<void>;
  close(): Promise<void>;
  until(condition: () => boolean, what: string): Promise<void>;
}

export async function openShop(): Promise<Shop> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-shop-"));
  const ledger = join(folder, "ledger.jsonl");
  const program = fileURLToPath(new URL("./shop-process.ts", import.meta.url));
  const child = fork(program, [ledger], { execArgv: [] });
  const [port] = (await once(child, "message")) as [number];
  const lines = (): string[] => (existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").filter(Boolean) : []);
  return {
    url: `http://127.0.0.1:${port}`,
    orders: (ref) =>
      lines()
        .map((line) => JSON.parse(line))
        .filter((order) => order.ref === ref),
    count: () => lines().length,
    release: async () => void (await fetch(`http://127.0.0.1:${port}/release`)),
    close: async () => {
      const gone = once(child, "exit");
      child.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
    until: async (condition, what) => {
      for (const deadline = Date.now() + 60_000; !condition(); ) {
        if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}
