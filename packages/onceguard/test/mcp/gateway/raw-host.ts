import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { LineReader } from "../../../src/mcp/server/stdio/line-reader.ts";
import { MCP } from "../host.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests read what they expect in it
export type Message = any;

/** What a host says of itself: everything that servers may ask for. */
const CAPABILITIES = {
  roots: { listChanged: true },
  sampling: {},
  elicitation: { form: {}, url: {} },
  tasks: { requests: { sampling: { createMessage: {} }, elicitation: { create: {} } } },
};

/** Without what npm has told the test run, which the gateway does not hand on. */
const OWN_ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));

export interface RawHostOptions {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env?: Record<string, string>;
  /** What it answers to the server's own requests. Default: they stay unanswered. */
  readonly answers?: (method: string, params: Message) => object | undefined;
}

/** A host that speaks the protocol by hand: it sends what a client would not, and sees every message that arrives. */
export class RawHost {
  readonly child: ChildProcessWithoutNullStreams;
  readonly received: Message[] = [];
  /** Lines that are no messages. */
  readonly garbage: string[] = [];
  stderr = "";
  #asked = 0;
  readonly #waiting = new Set<() => void>();

  constructor({ command, cwd, env, answers }: RawHostOptions) {
    const [program = "", ...args] = command;
    this.child = spawn(program, args, { cwd, env: { ...OWN_ENVIRONMENT, ...env }, stdio: "pipe" });
    onTestFinished(() => void this.child.kill("SIGKILL"));
    this.child.stdin.on("error", () => undefined);
    const lines = new LineReader(256 * 1_048_576);
    this.child.stdout.on("data", (chunk: Buffer) => {
      for (const line of lines.push(chunk)) this.#take("text" in line ? line.text : line.head, answers);
    });
    this.child.stderr.on("data", (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-100_000);
    });
    this.child.once("close", () => this.#wake());
  }

  #take(line: string, answers: RawHostOptions["answers"]): void {
    try {
      const message: Message = JSON.parse(line);
      if (typeof message !== "object" || message === null || Array.isArray(message)) throw new Error("no message");
      this.received.push(message);
      const result = "method" in message && "id" in message ? answers?.(message.method, message.params) : undefined;
      if (result !== undefined) this.send({ id: message.id, result });
    } catch {
      this.garbage.push(line);
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  send(message: object): void {
    this.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  write(bytes: string | Buffer): void {
    this.child.stdin.write(bytes);
  }

  /** The messages since then that answer this id. */
  answersTo(id: unknown): Message[] {
    return this.received.filter((message) => message.id === id && !("method" in message));
  }

  async until<Value>(what: string, seen: () => Value | undefined | false): Promise<Value> {
    const late = Date.now() + 120_000;
    for (;;) {
      const value = seen();
      if (value !== undefined && value !== false) return value;
      if (Date.now() > late) {
        throw new Error(`waited in vain for ${what}; got ${JSON.stringify(this.received.slice(-3)).slice(0, 2_000)}`);
      }
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`it ended while ${what} was waited for: ${this.stderr.slice(-2_000)}`);
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, 50);
        this.#waiting.add(wake);
      });
    }
  }

  answerTo(id: unknown): Promise<Message> {
    return this.until(`the answer to ${JSON.stringify(id)}`, () => this.answersTo(id)[0]);
  }

  /** One request, and its answer. */
  ask(method: string, params: object): Promise<Message> {
    const id = `host-${++this.#asked}`;
    this.send({ id, method, params });
    return this.answerTo(id);
  }

  call(name: string, given: object, more: object = {}): Promise<Message> {
    return this.ask("tools/call", { name, arguments: given, ...more });
  }

  async greet(protocolVersion = "2025-11-25"): Promise<this> {
    const clientInfo = { name: "raw", version: "1" };
    await this.ask("initialize", { protocolVersion, capabilities: CAPABILITIES, clientInfo });
    this.send({ method: "notifications/initialized" });
    return this;
  }

  /** Closes its end, and says how the other side ended. */
  async leave(): Promise<number | null> {
    this.child.stdin.end();
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "exit");
    return this.child.exitCode;
  }
}

/** The command of a gateway before this server. */
export function gatewayBefore(server: readonly string[], args: readonly string[]): string[] {
  return [process.execPath, MCP, "gateway", ...args, "--", ...server];
}
