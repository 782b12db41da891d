import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { hostModule, versionOf } from "../installed.ts";
import type { HostSession, PersonAnswer, RealHost, ServerEntry, SessionOptions } from "./host.ts";
import { transcripts } from "./transcripts.ts";

/** Codex's own program, without the script around it, which would stay alive when this is killed. */
export const CODEX: string =
  globSync(
    hostModule(
      `@openai/codex-${process.platform}-${process.arch}`,
      "vendor/*/bin",
      process.platform === "win32" ? "codex.exe" : "codex",
    ),
  )[0] ?? hostModule("@openai", "codex-for-this-platform");

/** Codex CLI, by its app server: what its terminal and its editor extensions talk to. */
export const codex: RealHost = { name: "Codex CLI", found: versionOf(CODEX), open };

export function codexEnvironment(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: home, CODEX_HOME: join(home, ".codex") };
}

/** A config without the network: the scripted model, and the servers. */
export function writeCodexConfig(home: string, modelUrl: string, servers: Readonly<Record<string, ServerEntry>>): void {
  const toml = (value: unknown): string => JSON.stringify(value); // TOML's basic strings, and arrays of them, are JSON's
  const config = [
    'model = "scripted"',
    'model_provider = "loopback"',
    'approval_policy = "on-request"',
    'sandbox_mode = "read-only"',
    "[model_providers.loopback]",
    'name = "loopback"',
    `base_url = ${toml(`${modelUrl}/v1`)}`,
    'wire_api = "responses"',
    "request_max_retries = 0",
    "stream_max_retries = 0",
    "[analytics]",
    "enabled = false",
    ...Object.entries(servers).flatMap(([name, { command, args, env }]) => [
      `[mcp_servers.${name}]`,
      `command = ${toml(command)}`,
      `args = ${toml(args)}`,
      "required = true", // or a turn that begins before the server is there goes without its tools
      "startup_timeout_sec = 60",
      "tool_timeout_sec = 60",
      'default_tools_approval_mode = "approve"', // Codex's own question, before every call that a server does not call harmless
      ...(env
        ? [`[mcp_servers.${name}.env]`, ...Object.entries(env).map(([key, value]) => `${key} = ${toml(value)}`)]
        : []),
    ]),
  ];
  mkdirSync(join(home, ".codex"), { recursive: true });
  writeFileSync(join(home, ".codex", "config.toml"), `${config.join("\n")}\n`);
}

// biome-ignore lint/suspicious/noExplicitAny: the app server's messages, of which a few fields are read
type Fields = any;

async function open({ model, home, servers, person, resume }: SessionOptions): Promise<HostSession> {
  const cwd = join(home, "work");
  mkdirSync(cwd, { recursive: true });
  writeCodexConfig(home, model.url, servers);
  const child = spawn(CODEX, ["app-server"], { cwd, env: codexEnvironment(home), stdio: ["pipe", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const wire = new Wire(child, person, () => stderr);
  await wire.request("initialize", {
    clientInfo: { name: "onceguard-hosts", title: null, version: "1" },
    capabilities: { experimentalApi: true, requestAttestation: false },
  });
  wire.notify("initialized");
  const { thread } = resume
    ? await wire.request("thread/resume", { threadId: resume })
    : await wire.request("thread/start", { cwd });
  let turnId = "";
  return {
    id: thread.id,
    say: async (words) => {
      const over = wire.nextTurnEnd();
      const { turn } = await wire.request("turn/start", {
        threadId: thread.id,
        input: [{ type: "text", text: words, text_elements: [] }],
      });
      turnId = turn.id;
      const ended = await over;
      if (ended.status === "failed") throw new Error(`Codex: ${JSON.stringify(ended.error)}\n${stderr}`);
    },
    remembers: (words) => transcripts(join(home, ".codex/sessions/**", `*${thread.id}*.jsonl`)).includes(words),
    interrupt: async () => void (await wire.request("turn/interrupt", { threadId: thread.id, turnId })),
    kill: () => end(child, "SIGKILL"),
    close: async () => {
      child.stdin.end();
      await end(child, "SIGTERM");
    },
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

/** JSON-RPC with the app server, one message per line. */
class Wire {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, PromiseWithResolvers<Fields>>();
  #turnEnd: PromiseWithResolvers<Fields> | undefined;
  #lastId = 0;

  constructor(child: ChildProcess, person: SessionOptions["person"], stderr: () => string) {
    this.#child = child;
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const message = JSON.parse(line) as Fields;
      if (message.method === "turn/completed") this.#turnEnd?.resolve(message.params.turn);
      else if (message.method !== undefined && message.id !== undefined) this.#answer(message, person);
      else if (message.id !== undefined) {
        const waiting = this.#pending.get(message.id);
        if (message.error) waiting?.reject(new Error(`Codex: ${JSON.stringify(message.error)}`));
        else waiting?.resolve(message.result);
      }
    });
    child.once("exit", () => {
      const error = new Error(`Codex has ended\n${stderr()}`);
      for (const { reject } of this.#pending.values()) reject(error);
      this.#turnEnd?.reject(error);
    });
  }

  #answer({ id, method, params }: Fields, person: SessionOptions["person"]): void {
    if (method === "mcpServer/elicitation/request") {
      const { action, content }: PersonAnswer = person?.(params.message) ?? { action: "cancel" };
      this.#send({ id, result: { action, content: content ?? null, _meta: null } });
    } else this.#send({ id, error: { code: -32601, message: `nobody answers ${method} here` } });
  }

  #send(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  request(method: string, params: object): Promise<Fields> {
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<Fields>();
    waiting.promise.catch(() => undefined);
    this.#pending.set(id, waiting);
    this.#send({ id, method, params });
    return waiting.promise;
  }

  notify(method: string): void {
    this.#send({ method });
  }

  nextTurnEnd(): Promise<Fields> {
    this.#turnEnd = Promise.withResolvers<Fields>();
    this.#turnEnd.promise.catch(() => undefined);
    return this.#turnEnd.promise;
  }
}
