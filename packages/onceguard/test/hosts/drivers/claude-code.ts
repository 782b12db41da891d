import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { hostModule, versionOf } from "../installed.ts";
import type { HostSession, PersonAnswer, RealHost, SessionOptions } from "./host.ts";
import { transcripts } from "./transcripts.ts";

const PACKAGE = "@anthropic-ai/claude-agent-sdk";
export const CLAUDE: string = hostModule(
  `${PACKAGE}-${process.platform}-${process.arch}`,
  process.platform === "win32" ? "claude.exe" : "claude",
);

/** Claude Code's own program, driven by the Agent SDK that it comes with. */
export const claudeCode: RealHost = { name: "Claude Code", found: versionOf(CLAUDE), open };

export function claudeEnvironment(home: string, modelUrl: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: home,
    ANTHROPIC_BASE_URL: modelUrl,
    ANTHROPIC_API_KEY: "none-is-needed",
    ENABLE_TOOL_SEARCH: "false", // MCP tools stand in the request, as with any API address of one's own
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    MCP_TIMEOUT: "60000",
  };
}

/** As much of the SDK as is used here; its own types are not in the workspace. */
interface Sdk {
  query(given: { prompt: AsyncIterable<unknown>; options: Record<string, unknown> }): AsyncIterable<Message> & {
    interrupt(): Promise<unknown>;
    mcpServerStatus(): Promise<readonly { readonly name: string; readonly status: string }[]>;
  };
}
interface Message {
  readonly type: string;
  readonly session_id?: string;
}
interface SpawnGiven {
  readonly command: string;
  readonly args: string[];
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
}

async function open({ model, home, servers, person, resume }: SessionOptions): Promise<HostSession> {
  const { query } = (await import(pathToFileURL(hostModule(PACKAGE, "sdk.mjs")).href)) as Sdk;
  const cwd = join(home, "work");
  mkdirSync(cwd, { recursive: true });
  let child: ChildProcess | undefined;
  let stderr = "";
  const prompts = new Prompts();
  const conversation = query({
    prompt: prompts,
    options: {
      cwd,
      env: claudeEnvironment(home, model.url),
      pathToClaudeCodeExecutable: CLAUDE,
      spawnClaudeCodeProcess: ({ command, args, cwd, env }: SpawnGiven) => {
        child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
        child.stderr?.on("data", (chunk: Buffer) => {
          stderr += chunk.toString();
        });
        return child;
      },
      mcpServersDelivery: "initialize",
      settingSources: [],
      strictMcpConfig: true,
      mcpServers: Object.fromEntries(
        Object.entries(servers).map(([name, entry]) => [name, { type: "stdio", ...entry }]),
      ),
      allowedTools: Object.keys(servers).map((name) => `mcp__${name}`),
      ...(person && {
        onElicitation: async ({ message }: { message: string }): Promise<PersonAnswer> => person(message),
      }),
      ...(resume && { resume }),
    },
  });

  let sessionId = resume ?? "";
  let over: PromiseWithResolvers<void> | undefined;
  const reading = (async () => {
    for await (const message of conversation) {
      if (message.session_id) sessionId = message.session_id;
      if (message.type === "result") over?.resolve();
    }
  })().then(
    () => over?.reject(new Error(`Claude Code has ended\n${stderr}`)),
    (error: Error) => over?.reject(new Error(`Claude Code: ${error.message}\n${stderr}`)),
  );

  /** Claude Code connects while the conversation goes on; a model that is asked before that would not see the tools. */
  async function serversAreThere(): Promise<void> {
    for (;;) {
      const status = await conversation.mcpServerStatus();
      const pending = Object.keys(servers).filter(
        (name) => status.find((one) => one.name === name)?.status !== "connected",
      );
      if (pending.length === 0) return;
      const failed = status.find(({ status }) => status === "failed");
      if (failed !== undefined) throw new Error(`Claude Code could not start ${failed.name}\n${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  return {
    get id() {
      return sessionId;
    },
    say: async (words) => {
      await serversAreThere();
      over = Promise.withResolvers<void>();
      prompts.push({ type: "user", message: { role: "user", content: words }, parent_tool_use_id: null });
      await over.promise;
    },
    remembers: (words) => transcripts(join(home, ".claude/projects/*", `${sessionId}.jsonl`)).includes(words),
    interrupt: async () => void (await conversation.interrupt()),
    kill: async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
      prompts.end();
    },
    close: async () => {
      prompts.end();
      const gone = child && child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
      await reading;
      await gone;
    },
  };
}

/** What a person types, when they type it. */
class Prompts implements AsyncIterable<unknown> {
  readonly #waiting: unknown[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  push(prompt: unknown): void {
    this.#waiting.push(prompt);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    for (;;) {
      if (this.#waiting.length > 0) yield this.#waiting.shift();
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
