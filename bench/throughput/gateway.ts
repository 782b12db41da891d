import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Contender } from "./measure.ts";

const MAIN = fileURLToPath(new URL("../../packages/onceguard/dist/cli/main.js", import.meta.url));

/** A real server: its `echo` does nothing, so that all that is measured is the way there and back. */
function everything(): string[] {
  const manifest = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/package.json");
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: Record<string, string> };
  return [process.execPath, join(dirname(manifest), Object.values(bin)[0] as string)];
}

interface Host {
  /** A call of `echo`; says what the guard made of it, or undefined where no guard stands in between. */
  echo(message: string): Promise<string | undefined>;
  close(): void;
}

interface Answer {
  readonly id: number;
  readonly result?: { readonly _meta?: Readonly<Record<string, { readonly status?: string }>> };
}

/** The least that a host can do, so that it adds as little as possible to what is measured. */
async function host(command: readonly string[], cwd: string): Promise<Host> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { cwd, stdio: ["pipe", "pipe", "ignore"] });
  const waiting = new Map<number, (answer: Answer) => void>();
  createInterface(child.stdout).on("line", (line) => {
    const answer = JSON.parse(line) as Answer;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  let id = 0;
  const ask = (method: string, params: object): Promise<Answer> =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    });
  await ask("initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "bench", version: "1" },
  });
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  return {
    echo: async (message) => {
      const { result } = await ask("tools/call", { name: "echo", arguments: { message } });
      return result?._meta?.["dev.onceguard/request"]?.status;
    },
    close: () => void child.kill(),
  };
}

/** The same tool, once as safe and once as side-effecting: first execution and replay. */
export async function gatewayContenders(): Promise<{
  direct: Contender;
  safe: Contender;
  first: Contender;
  replay: Contender;
  close: () => void;
}> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-bench-"));
  const server = everything();
  const behind = (riskTier: string): Promise<Host> => {
    const rules = join(folder, `${riskTier}.json`);
    writeFileSync(rules, JSON.stringify({ tools: { echo: { riskTier } } }));
    const store = `sqlite:${join(folder, `${riskTier}.db`)}`;
    const options = ["gateway", "--quiet", "--store", store, "--rules", rules];
    return host([process.execPath, MAIN, ...options, "--", ...server], folder);
  };
  const hosts = {
    direct: await host(server, folder),
    safe: await behind("safe"),
    guarded: await behind("side_effecting"),
  };
  const contender = (
    name: string,
    at: Host,
    message: (n: number) => string,
    status: string | undefined,
  ): Contender => ({
    name,
    operation: async (n) => {
      const got = await at.echo(message(n));
      if (got !== status) throw new Error(`${name}: expected ${status}, got ${got}`);
    },
  });
  const one = (): string => "the same as before";
  const another = (n: number): string => `call ${n}`;
  await hosts.guarded.echo(one());
  return {
    direct: contender("directly", hosts.direct, another, undefined),
    safe: contender("safe call", hosts.safe, another, undefined),
    first: contender("guarded call, first", hosts.guarded, another, "executed"),
    replay: contender("guarded call, replay", hosts.guarded, one, "replayed"),
    close: () => {
      for (const at of Object.values(hosts)) at.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
