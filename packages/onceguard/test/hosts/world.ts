import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { ServerEntry } from "./drivers/host.ts";
import { call, type ModelCall } from "./model/script.ts";

const ORDER_DESK = fileURLToPath(new URL("./upstream/order-desk.ts", import.meta.url));
export const ONCEGUARD: string =
  process.env.ONCEGUARD_BIN ?? fileURLToPath(new URL("../../bin/onceguard.js", import.meta.url));

/** What the order desk really did. */
export interface LedgerEntry {
  readonly id: number;
  readonly ref: string;
  /** The process that had started the desk. */
  readonly parent: number;
  readonly meta: Readonly<Record<string, unknown>> | null;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface World {
  readonly folder: string;
  /** The order desk itself, as a host would start it. */
  readonly desk: ServerEntry;
  ledger(): readonly LedgerEntry[];
  /** Lets the orders with mode `hold` be answered. */
  release(): void;
  until(condition: () => boolean, what: string): Promise<void>;
}

/** What a test calls to be cleaned up after; one that runs beside others has its own. */
export type WhenFinished = typeof onTestFinished;

/** A folder with an order desk in it, for one test. */
export function newWorld(whenFinished: WhenFinished = onTestFinished): World {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-hosts-"));
  whenFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  const ledger = join(folder, "ledger.jsonl");
  const release = join(folder, "release");
  whenFinished(() => writeFileSync(release, "")); // nobody waits for it any longer
  return {
    folder,
    desk: { command: process.execPath, args: [ORDER_DESK, ledger, release] },
    ledger: () =>
      existsSync(ledger)
        ? readFileSync(ledger, "utf8")
            .split("\n")
            .filter(Boolean)
            .map((line) => JSON.parse(line))
        : [],
    release: () => writeFileSync(release, ""),
    until: async (condition, what) => {
      for (const deadline = Date.now() + 60_000; !condition(); ) {
        if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

/** A way between a host and the order desk. */
export interface Way {
  readonly name: string;
  readonly guarded: boolean;
  server(world: World, options?: { readonly approval?: boolean }): ServerEntry;
  /** The same order, as this way's tools take it. */
  order(given: { readonly ref: string; readonly mode?: string; readonly note?: string }): ModelCall;
}

/** The control: what happens when nobody guards. */
export const directly: Way = {
  name: "directly",
  guarded: false,
  server: ({ desk }) => desk,
  order: (given) => call("desk", "place_order", given),
};

export const throughServer: Way = {
  name: "onceguard mcp",
  guarded: true,
  server: ({ folder, desk }, { approval = false } = {}) => {
    const config = {
      store: `sqlite:${join(folder, "receipts.db")}`,
      actions: [
        {
          name: "place_order",
          kind: "mcp",
          riskTier: "side_effecting",
          server: "desk",
          tool: "place_order",
          keyFields: ["ref"],
          volatile: ["note"],
        },
      ],
      servers: { desk },
      ...(approval && { rules: [{ action: "place_order", verdict: "review", reason: "orders need a person" }] }),
    };
    const path = join(folder, "onceguard.config.json");
    writeFileSync(path, JSON.stringify(config));
    return { command: process.execPath, args: [ONCEGUARD, "mcp", "--config", path] };
  },
  order: (payload) => call("desk", "safe_execute", { action: "place_order", payload }),
};

export const throughGateway: Way = {
  name: "onceguard gateway with a rule",
  guarded: true,
  server: (world, { approval = false } = {}) =>
    gateway(world, {
      riskTier: "side_effecting",
      keyFields: ["ref"],
      volatile: ["note"],
      ...(approval && { approval: "orders need a person" }),
    }),
  order: (given) => call("desk", "place_order", given),
};

export const throughTrustingGateway: Way = {
  name: "onceguard gateway --trust",
  guarded: true,
  // The desk says that placing an order destroys nothing, and the operator believes it: the same arguments are the same order.
  server: (world, { approval = false } = {}) =>
    gateway(world, approval ? { riskTier: "side_effecting", approval: "orders need a person" } : null),
  order: (given) => call("desk", "place_order", given),
};

/** A gateway before the order desk: with a rule for `place_order`, or believing the desk's own annotations, or neither. */
export function gateway({ folder, desk }: World, rule: object | null, ...options: string[]): ServerEntry {
  const rules = join(folder, "rules.json");
  if (rule !== null) writeFileSync(rules, JSON.stringify({ tools: { place_order: rule } }));
  const store = `sqlite:${join(folder, "receipts.db")}`;
  const how = options.length > 0 ? options : rule === null ? ["--trust"] : ["--rules", rules];
  return {
    command: process.execPath,
    args: [ONCEGUARD, "gateway", "--name", "desk", "--store", store, ...how, "--", desk.command, ...desk.args],
  };
}

/** The same server for hosts that call an address. */
export async function overHttp({ command, args }: ServerEntry): Promise<{ readonly url: string }> {
  const [program = "", subcommand = "", ...rest] = args;
  const child = spawn(command, [program, subcommand, "--http", "127.0.0.1:0", ...rest], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  });
  let said = "";
  for await (const line of createInterface({ input: child.stderr })) {
    said += `${line}\n`;
    const url = /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(line)?.[0];
    if (url === undefined) continue;
    child.stderr.resume();
    return { url };
  }
  throw new Error(`${subcommand} --http did not say where it listens\n${said}`);
}
