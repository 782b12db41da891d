import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";

export interface OutsideRequest {
  /** Only asks whether it has happened. */
  readonly look: boolean;
  readonly reference: string;
  /** Of the attempt; the world keeps it for the judge and knows nothing of what it means. */
  readonly fence: number;
  readonly key: string | null;
}

export interface OutsideReply {
  readonly status: number;
  readonly number?: number;
}

/** Something that happened, and when the world had read the request for it, in ns of the machine's clock. */
export interface LedgerLine {
  readonly number: number;
  readonly reference: string;
  readonly fence: number;
  readonly key: string | null;
  readonly from: number;
}

/**
 * The outside world of the long runs, in a process that nobody kills: writes each payment to an fsynced ledger before it
 * answers, honours keys, and by chance loses replies and requests, is late, busy, or says no. Unlike `flaky-world.ts` it needs
 * not be told what to do with each of 40 000 payments, and its ledger says when and by which attempt each was made.
 */
export interface Outside {
  readonly port: number;
  ledger(): readonly LedgerLine[];
  stop(): Promise<void>;
}

/** @param keys whether it honours them. */
export async function startOutside(ledgerPath: string, seed: number, keys = true): Promise<Outside> {
  const program = fileURLToPath(new URL("./outside-process.ts", import.meta.url));
  const child = fork(program, [ledgerPath, String(seed), String(keys)], { execArgv: [] });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return {
    port,
    ledger: () =>
      readFileSync(ledgerPath, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LedgerLine),
    stop: async () => {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** Sends a payment over a connection of its own. Without an answer nobody knows whether it was made. */
export function askOutside(port: number, request: OutsideRequest, signal: AbortSignal): Promise<OutsideReply> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", signal });
    let received = "";
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the world hung up")));
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      received += chunk;
      if (received.endsWith("\n")) resolve(JSON.parse(received) as OutsideReply);
    });
    socket.write(`${JSON.stringify(request)}\n`);
  });
}
