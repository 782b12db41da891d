import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../core/failure.ts";
import {
  isRequest,
  isResponse,
  isRpcId,
  objectAt,
  type RpcId,
  type RpcMessage,
  readServerMessage,
} from "../json-rpc.ts";
import { hostSays } from "../protocol-era.ts";
import type { Upstream } from "../stdio/upstream.ts";
import type { UpstreamTools } from "../upstream-tools.ts";
import { eventBlocks } from "./event-blocks.ts";
import { messageHeaders } from "./message-headers.ts";
import { refusalError } from "./upstream-call.ts";
import { askUpstream, isEventStream, wholeBody } from "./upstream-request.ts";

/** Between two tries at the stream by which a server speaks unasked. */
const AGAIN_AFTER_MS = 2_000;

export interface ConnectionOptions {
  readonly url: URL;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tools: UpstreamTools;
  readonly onMessage: (text: string) => void;
  /** A request was not answered; the error says whether it may have been carried out. */
  readonly onFailed: (id: RpcId, error: unknown) => void;
  readonly log?: (line: string) => void;
}

/** A remote server over Streamable HTTP, message by message, for a host that speaks stdio. */
export function connectUpstream(options: ConnectionOptions): Upstream {
  const connection = new Connection(options);
  return {
    send: (text) => {
      if (connection.isClosed) return "gone";
      connection.send(text);
      return "sent";
    },
    pause: () => undefined,
    resume: () => undefined,
    ended: new Promise(() => undefined),
    close: () => connection.close(),
  };
}

class Connection {
  readonly #options: ConnectionOptions;
  readonly #closing = new AbortController();
  /** Before 2026-07-28: who we are to the server, and what was agreed on. */
  #session: string | null = null;
  #version: string | null = null;
  /** Messages of one host stay in their order until the server has taken them, but for requests, which may take long. */
  #order: Promise<unknown> = Promise.resolve();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  send(text: string): void {
    const message = readServerMessage(text) ?? {};
    const before = this.#order;
    const sent = before.then(() => this.#post(text, message));
    // What has to be settled before anything else makes sense.
    const isFirst = message.method === "initialize" || message.method === "notifications/initialized";
    if (isFirst || !isRequest(message)) this.#order = sent.catch(() => undefined);
    void sent.catch((error: unknown) => {
      if (isRequest(message)) this.#options.onFailed(message.id, error);
      else this.#options.log?.(`gateway: a message did not reach the server: ${messageOf(error)}`);
    });
  }

  async #post(text: string, message: RpcMessage): Promise<void> {
    const { url } = this.#options;
    const headers = {
      ...this.#headersOf(message),
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
    const answered = await askUpstream(url, { method: "POST", headers, body: text });
    const { statusCode = 0 } = answered;
    if (message.method === "initialize" && typeof answered.headers["mcp-session-id"] === "string") {
      this.#session = answered.headers["mcp-session-id"];
    }
    if (statusCode < 200 || statusCode > 299) {
      const body = await wholeBody(answered);
      throw refusalError(statusCode, body, answered.headers["retry-after"]);
    }
    if (!isRequest(message)) {
      answered.resume();
      if (message.method === "notifications/initialized") void this.#listen();
      return;
    }
    if (!(await this.#readAnswer(answered, message.id, message))) {
      throw new Error("The MCP server's answer ended before its result.");
    }
  }

  /** Whether the answer to the request was among what was said. */
  async #readAnswer(answered: IncomingMessage, id: RpcId, request: RpcMessage): Promise<boolean> {
    let isAnswered = false;
    const read = (text: string): void => {
      const message = readServerMessage(text);
      if (message !== null && isResponse(message) && isRpcId(message.id) && message.id === id) {
        isAnswered = true;
        const version = objectAt(message, "result")?.protocolVersion;
        if (request.method === "initialize" && typeof version === "string") this.#version = version;
      }
      // One line: that is what ends a message on the host's side.
      this.#options.onMessage(message === null ? text.replace(/[\r\n]+/g, " ") : oneLine(text, message));
    };
    if (!isEventStream(answered)) read(await wholeBody(answered));
    else for await (const { data } of eventBlocks(answered)) if (data !== "") read(data);
    return isAnswered;
  }

  #headersOf(message: RpcMessage): Record<string, string> {
    const { headers, tools } = this.#options;
    const says = hostSays(message);
    const params = objectAt(message, "params") ?? {};
    if (says.era === "modern" && typeof message.method === "string") {
      const version = String(says.envelope["io.modelcontextprotocol/protocolVersion"]);
      const tool = typeof params.name === "string" ? tools.known?.get(params.name) : undefined;
      return { ...headers, "mcp-protocol-version": version, ...messageHeaders(message.method, params, tool) };
    }
    return {
      ...headers,
      ...(this.#session !== null && { "mcp-session-id": this.#session }),
      ...(this.#version !== null && { "mcp-protocol-version": this.#version }),
    };
  }

  /** Before 2026-07-28: what the server says unasked comes by a stream of its own, where it has one. */
  async #listen(): Promise<void> {
    while (!this.isClosed) {
      try {
        const headers = { ...this.#headersOf({}), accept: "text/event-stream" };
        const answered = await askUpstream(this.#options.url, { method: "GET", headers, signal: this.#closing.signal });
        if (answered.statusCode !== 200 || !isEventStream(answered)) {
          answered.resume();
          return;
        }
        for await (const { data } of eventBlocks(answered)) if (data !== "") this.#options.onMessage(data);
      } catch {
        // it ends when it ends; the next one brings what is said from then on
      }
      await sleep(AGAIN_AFTER_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#session === null) return;
    const headers = this.#headersOf({});
    try {
      (
        await askUpstream(this.#options.url, { method: "DELETE", headers, signal: AbortSignal.timeout(2_000) })
      ).resume();
    } catch {
      // the session ends by itself then
    }
  }
}

function oneLine(text: string, message: RpcMessage): string {
  return /[\r\n]/.test(text) ? JSON.stringify(message) : text;
}
