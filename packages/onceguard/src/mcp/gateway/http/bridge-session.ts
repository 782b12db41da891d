import type { ServerResponse } from "node:http";
import { PassThrough, Writable } from "node:stream";
import type { Principal } from "../../server/principal.ts";
import { LineReader } from "../../server/stdio/line-reader.ts";
import type { Gateway } from "../gateway.ts";
import {
  answerIn,
  isObject,
  isRequest,
  isResponse,
  isRpcId,
  objectAt,
  type RpcAnswer,
  type RpcId,
  type RpcMessage,
  readServerMessage,
} from "../json-rpc.ts";
import { StdioRelay } from "../stdio/relay.ts";
import type { Upstream } from "../stdio/upstream.ts";
import type { CallerStream } from "./caller-stream.ts";
import { eventText } from "./event-blocks.ts";

/** Starts a server whose messages go to `relay`. */
export type StartUpstream = (relay: Pick<StdioRelay, "fromServer" | "serverReads">) => Promise<Upstream>;

interface Waiting {
  readonly id: RpcId;
  readonly token: unknown;
  readonly stream: CallerStream;
  /** The HTTP status of its answer. */
  readonly status: (answer: RpcAnswer) => number;
}

/**
 * A server process for the callers of one session, with the stdio relay in between: messages that come one by one over
 * HTTP go in as lines, and the lines that come out go to whoever waits for them.
 */
export class BridgeSession {
  readonly principal: Principal;
  /** When it was last used, by the monotonic clock. */
  usedAt: number = performance.now();
  readonly #relay: StdioRelay;
  readonly #input: PassThrough;
  readonly #waiting = new Map<number, Waiting>();
  readonly #upstream: Upstream;
  #count = 0;
  /** The stream by which the server speaks unasked. */
  #unasked: ServerResponse | null = null;
  #isOver = false;

  private constructor(principal: Principal, relay: StdioRelay, input: PassThrough, upstream: Upstream) {
    this.principal = principal;
    this.#relay = relay;
    this.#input = input;
    this.#upstream = upstream;
  }

  /** @throws Error when the server cannot be started */
  static async start(
    gateway: Gateway,
    principal: Principal,
    start: StartUpstream,
    maxMessageBytes: number,
  ): Promise<BridgeSession> {
    const input = new PassThrough();
    const lines = new LineReader(Number.POSITIVE_INFINITY);
    let session: BridgeSession | null = null;
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        for (const line of lines.push(chunk)) if ("text" in line && session !== null) session.#said(line.text);
        done();
      },
    });
    const relay = new StdioRelay({ gateway, principal, input, output, maxMessageBytes, goesOnAlone: false });
    const upstream = await start(relay);
    const made = new BridgeSession(principal, relay, input, upstream);
    session = made;
    relay.join(upstream);
    void upstream.ended.then(() => made.#serverEnded());
    return made;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0 && this.#unasked === null;
  }

  /** A request, whose answer goes to `stream`. Its id and token are made unique here: callers do not know of each other. */
  ask(
    message: RpcMessage & { readonly id: RpcId },
    stream: CallerStream,
    status: Waiting["status"],
    left: AbortSignal,
  ): void {
    this.usedAt = performance.now();
    const own = ++this.#count;
    const params = objectAt(message, "params");
    const meta = objectAt(params, "_meta");
    const token = meta?.progressToken;
    this.#waiting.set(own, { id: message.id, token, stream, status });
    const withToken = token === undefined ? params : { ...params, _meta: { ...meta, progressToken: own } };
    this.#write({ ...message, id: own, ...(withToken !== undefined && { params: withToken }) });
    left.addEventListener("abort", () => this.#left(own), { once: true });
  }

  /** A notification, or the host's answer to a request of the server's. */
  tell(message: RpcMessage): void {
    this.usedAt = performance.now();
    if (message.method === "notifications/cancelled") {
      const cancelled = objectAt(message, "params")?.requestId;
      const [own] = [...this.#waiting].find(([, { id }]) => id === cancelled) ?? [];
      if (own === undefined) return;
      this.#write({ ...message, params: { ...objectAt(message, "params"), requestId: own } });
    } else this.#write(message);
  }

  listen(response: ServerResponse): void {
    this.#unasked?.end();
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" });
    response.flushHeaders();
    this.#unasked = response;
    response.once("close", () => {
      if (this.#unasked === response) this.#unasked = null;
    });
  }

  /** What runs is recorded first: the server may be in the middle of it. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#relay.detach();
    await this.#relay.settled();
    this.#unasked?.end();
    await this.#upstream.close();
  }

  #write(message: object): void {
    this.#input.write(`${JSON.stringify(message)}\n`);
  }

  #said(text: string): void {
    const message = readServerMessage(text);
    if (message === null) return;
    const { id } = message;
    if (isResponse(message)) {
      const waiting = typeof id === "number" ? this.#waiting.get(id) : undefined;
      this.#waiting.delete(id as number);
      const answer = answerIn(message);
      waiting?.stream.finish(waiting.id, answer, waiting.status(answer));
      return;
    }
    const { stream, message: addressed } = this.#addressed(message);
    const line = JSON.stringify(addressed);
    if (stream !== null) stream.tell(line);
    else if (this.#unasked !== null) this.#unasked.write(eventText(line));
    else [...this.#waiting.values()].at(-1)?.stream.tell(line);
  }

  /** Progress and subscriptions belong to one request, under the name that its caller gave it. */
  #addressed(message: RpcMessage): { stream: CallerStream | null; message: RpcMessage } {
    const params = objectAt(message, "params");
    const ofProgress = params?.progressToken;
    if (message.method === "notifications/progress" && typeof ofProgress === "number") {
      const waiting = this.#waiting.get(ofProgress);
      if (waiting) {
        return { stream: waiting.stream, message: { ...message, params: { ...params, progressToken: waiting.token } } };
      }
    }
    const meta = objectAt(params, "_meta");
    const subscription = meta?.[SUBSCRIPTION];
    const waiting = this.#waiting.get(Number(subscription));
    if (subscription === undefined || waiting === undefined) return { stream: null, message };
    const named = { ...params, _meta: { ...meta, [SUBSCRIPTION]: String(waiting.id) } };
    return { stream: waiting.stream, message: { ...message, params: named } };
  }

  #left(own: number): void {
    if (!this.#waiting.delete(own)) return;
    this.#write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: own } });
  }

  #serverEnded(): void {
    const error = { code: -32603, message: "The MCP server has ended." };
    // Guarded calls have an answer of their own, which says more.
    void this.#relay.settled().then(() => {
      for (const { id, stream } of this.#waiting.values()) stream.finish(id, { error });
      this.#waiting.clear();
      this.#unasked?.end();
      this.#isOver = true;
    });
  }
}

const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

export function isAskable(message: RpcMessage): message is RpcMessage & { readonly id: RpcId } {
  return isRequest(message) && isRpcId(message.id) && isObject(message);
}
