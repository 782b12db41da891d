import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

// The outside world: a payment provider as a process of its own. What counts is its ledger, one fsynced line per effect.

export interface LedgerLine {
  readonly id: string;
  readonly intent: string;
  readonly key: string;
}

export interface Provider {
  readonly port: number;
  /** The judge: every effect there has ever been. */
  ledger(): LedgerLine[];
  stop(): Promise<void>;
}

/** @param workMs longest time between receiving a payment and committing it. */
export async function startProvider(options: { readonly ledgerFile: string; readonly workMs: number }): Promise<Provider> {
  closeSync(openSync(options.ledgerFile, "a"));
  const child = fork(fileURLToPath(import.meta.url), [options.ledgerFile, String(options.workMs)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [port] = (await once(child, "message")) as [number];
  return {
    port,
    ledger: () =>
      readFileSync(options.ledgerFile, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as LedgerLine),
    stop: async () => {
      if (child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}

/**
 * `POST /pay/<intent>` makes the effect and answers its ledger line. With `Idempotency-Key`, the same key is one
 * effect, concurrent sends included. `GET /pay/<intent>` says whether it happened; while a payment of that intent is
 * being worked on it cannot tell.
 */
async function serve(ledgerFile: string, workMs: number): Promise<void> {
  const ledger = openSync(ledgerFile, "a");
  const byKey = new Map<string, Promise<LedgerLine>>();
  const done = new Map<string, LedgerLine>();
  const underWay = new Map<string, number>();

  async function pay(intent: string, key: string): Promise<LedgerLine> {
    await sleep(Math.random() * workMs);
    const line: LedgerLine = { id: `effect-${done.size}-${Math.random().toString(36).slice(2)}`, intent, key };
    writeSync(ledger, `${JSON.stringify(line)}\n`);
    fdatasyncSync(ledger);
    done.set(intent, line);
    return line;
  }

  async function answer(request: IncomingMessage): Promise<unknown> {
    const intent = (request.url ?? "").slice("/pay/".length);
    const key = String(request.headers["idempotency-key"] ?? "");
    if (request.method === "GET") {
      if ((underWay.get(intent) ?? 0) > 0) return { answer: "cannot_tell" };
      const line = done.get(intent);
      return line ? { answer: "happened", result: line } : { answer: "did_not_happen" };
    }
    underWay.set(intent, (underWay.get(intent) ?? 0) + 1);
    try {
      for await (const _ of request); // the whole request, or an error
      if (key === "") return await pay(intent, key);
      const known = byKey.get(key) ?? pay(intent, key);
      byKey.set(key, known);
      return await known;
    } finally {
      underWay.set(intent, (underWay.get(intent) ?? 1) - 1);
    }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      (body) => response.setHeader("content-type", "application/json").end(JSON.stringify(body)),
      () => response.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send?.((server.address() as { port: number }).port);
  // The test is gone, or has had enough.
  process.once("disconnect", () => process.exit(0));
}

const [, started, ledgerFile, workMs] = process.argv;
if (started === fileURLToPath(import.meta.url) && ledgerFile) await serve(ledgerFile, Number(workMs));
