import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { configFolder, MCP } from "../host.ts";

/** `onceguard …` with `--http`, and the address that it says on stderr. */
export async function onceguardOverHttp(folder: string, ...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [MCP, ...args], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  onTestFinished(() => stopped(child));
  let said = "";
  for await (const line of createInterface({ input: child.stderr })) {
    said += `${line}\n`;
    const url = /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(line.split(" at ").at(-1) ?? "")?.[0];
    if (url === undefined) continue;
    child.stderr.resume();
    return url;
  }
  throw new Error(`onceguard ${args[0]} did not say where it listens\n${said}`);
}

export const UPSTREAM: string = fileURLToPath(new URL("./upstream-server.ts", import.meta.url));

/** A gateway before a server, with one rule for all its tools. */
export async function gatewayBefore(upstream: readonly string[], rule: object, ...args: string[]): Promise<string> {
  const folder = configFolder({ store: "sqlite:receipts.db" });
  // The one tool whose work is to answer with an error, which otherwise leaves the question open.
  const failing = { ...rule, noEffectOnError: true };
  writeFileSync(join(folder, "rules.json"), JSON.stringify({ tools: { test_error_handling: failing, "*": rule } }));
  const given = ["--http", "127.0.0.1:0", "--name", "upstream", "--rules", "rules.json", ...args, ...upstream];
  return onceguardOverHttp(folder, "gateway", ...given);
}

/** A server with much of what the suite asks for. */
export async function upstreamServer(): Promise<string> {
  const child = fork(UPSTREAM, { execArgv: [] });
  onTestFinished(() => stopped(child));
  const [port] = (await once(child, "message")) as [number];
  return `http://127.0.0.1:${port}/mcp`;
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
