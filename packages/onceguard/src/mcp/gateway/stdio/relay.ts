import type { Readable, Writable } from "node:stream";
import { messageOf } from "../../../core/failure.ts";
import type { JsonLimits } from "../../../core/strict-json.ts";
import { frameTooLarge } from "../../server/frame.ts";
import type { Principal } from "../../server/principal.ts";
import { LineReader } from "../../server/stdio/line-reader.ts";
import { checkedCall } from "../checked-call.ts";
import type { Gateway } from "../gateway.ts";
import {
  isNotification,
  isObject,
  isRequest,
  isResponse,
  isRpcId,
  objectAt,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
  readHostMessage,
  readServerMessage,
  responseText,
} from "../json-rpc.ts";
import { OwnRequests } from "../own-requests.ts";
import { type HostSays, hostSays, initializedHost, withEnvelope } from "../protocol-era.ts";
import type { Route } from "../route.ts";
import type { Upstream } from "./upstream.ts";

/** Room for a call at the guard's own limits, and for what a host answers to a server's requests: images and the like. */
export const DEFAULT_MAX_MESSAGE_BYTES: number = 16 * 1_048_576;
const MAX_DEPTH = 80;

export interface RelayOptions {
  readonly gateway: Gateway;
  readonly principal: Principal;
  readonly input: Readable;
  readonly output: Writable;
  /** Largest message of the host's. Default 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Whether what waits or is retried goes on without its caller. Default true. */
  readonly goesOnAlone?: boolean;
}

/** Both ends of a host and its server, joined by the line: what is not intercepted passes as it came. */
export class StdioRelay {
  /** Resolves when the host has closed its end. */
  readonly ended: Promise<void>;
  readonly #gateway: Gateway;
  readonly #principal: Principal;
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #limits: JsonLimits;
  readonly #lines: LineReader;
  readonly #end: () => void;
  readonly #goesOnAlone: boolean;
  /** Of the gateway's own, to the server and to the host. */
  readonly #toServer: OwnRequests;
  readonly #toHost: OwnRequests;
  #server: Upstream | null = null;
  #initialized: HostSays | undefined;
  /** The host's listings of tools that are under way. */
  readonly #listings = new Set<RpcId>();
  /** The host's calls that are being answered here. */
  readonly #calls = new Map<RpcId, { readonly leaving: AbortController; readonly answered: Promise<void> }>();

  constructor(options: RelayOptions) {
    const { gateway, principal, input, output, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
    this.#goesOnAlone = options.goesOnAlone ?? true;
    this.#gateway = gateway;
    this.#principal = principal;
    this.#input = input;
    this.#output = output;
    this.#limits = { maxBytes: maxMessageBytes, maxDepth: MAX_DEPTH };
    this.#lines = new LineReader(maxMessageBytes);
    this.#toServer = new OwnRequests((text) => (this.#server?.send(text) ?? "gone") !== "gone");
    this.#toHost = new OwnRequests((text) => this.#tell(text));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#end = resolve;
  }

  /** Messages flow from here on. */
  join(server: Upstream): void {
    this.#server = server;
    this.#input.on("data", this.#read);
    for (const event of ["end", "close", "error"]) this.#input.on(event, this.#end);
    this.#output.on("error", this.#end);
    this.#output.on("drain", () => server.resume());
    if (this.#input.readableEnded || this.#input.destroyed) setImmediate(this.#end);
    void server.ended.then(() => this.#toServer.lost());
  }

  /** Of what the server has said, this is a message. */
  readonly fromServer = (text: string): void => {
    const message = readServerMessage(text);
    if (message === null || !this.#takenFromServer(message)) this.#tell(text);
  };

  /** A request that did not get an answer, where the server is not at the other end of a pipe. */
  readonly failed = (id: RpcId, error: unknown): void => {
    if (this.#toServer.fail(id, error)) return;
    this.#listings.delete(id);
    const message = `The MCP server cannot be reached: ${messageOf(error)}`;
    this.#tell(responseText(id, { error: { code: -32603, message } }));
  };

  readonly serverReads = (): void => void this.#input.resume();

  /** Takes nothing more from the host. */
  stopReading(): void {
    this.#input.off("data", this.#read);
    this.#input.pause();
  }

  /** The host has gone: its open calls go on without it, and what it was asked stays unanswered. */
  detach(): void {
    for (const { leaving } of this.#calls.values()) leaving.abort();
    this.#toHost.lost();
  }

  /** Resolves when the calls that are open now have been answered. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#calls.values()].map(({ answered }) => answered));
  }

  readonly #read = (chunk: Buffer): void => {
    for (const line of this.#lines.push(chunk)) {
      if ("text" in line) this.#fromHost(line.text);
      else this.#tell(JSON.stringify(frameTooLarge(line.head, line.tail, this.#limits.maxBytes)));
    }
  };

  #fromHost(text: string): void {
    const read = readHostMessage(text, this.#limits);
    if ("refused" in read) this.#tell(JSON.stringify(read.refused));
    else if ("opaque" in read || !this.#takenFromHost(read.message, text)) this.#pass(text);
  }

  #pass(text: string): void {
    if (this.#server?.send(text) === "full") this.#input.pause();
  }

  /** Whether a message of the host's is answered here, so that the server does not get it. */
  #takenFromHost(message: RpcMessage, text: string): boolean {
    if (isResponse(message)) return this.#toHost.take(message);
    if (isNotification(message, "notifications/cancelled")) return this.#cancelled(message);
    if (message.method === "tools/call") return this.#called(message, text);
    if (!isRequest(message)) return false;
    if (message.method === "initialize") this.#initialized = initializedHost(message);
    if (message.method === "tools/list") this.#listings.add(message.id);
    return false;
  }

  #called(message: RpcMessage, text: string): boolean {
    const checked = checkedCall(message);
    if ("refused" in checked) {
      this.#tell(JSON.stringify(checked.refused));
      return true;
    }
    const { request } = checked;
    if (this.#calls.has(request.id)) {
      const message = "Invalid Request: a call with this id is still under way. Nothing was done.";
      this.#tell(responseText(request.id, { error: { code: -32600, message } }));
      return true;
    }
    const leaving = new AbortController();
    const answered = this.#gateway.call(request, this.#routeOf(request, leaving.signal));
    if (answered === null) return false;
    const told = answered
      .then((answer) => {
        // It may have turned out only now that it is not to be guarded; whoever has left has cancelled it.
        if (answer === null) {
          if (!leaving.signal.aborted) this.#pass(text);
        } else if (!leaving.signal.aborted) this.#tell(responseText(request.id, answer));
      })
      .finally(() => this.#calls.delete(request.id));
    this.#calls.set(request.id, { leaving, answered: told });
    return true;
  }

  /** Of a guarded call it only means that nobody waits any more: what was sent goes on. */
  #cancelled(message: RpcMessage): boolean {
    const id = objectAt(message, "params")?.requestId;
    const call = isRpcId(id) ? this.#calls.get(id) : undefined;
    call?.leaving.abort();
    return call !== undefined;
  }

  /** Whether a message of the server's is for the gateway, or reaches the host in another form. */
  #takenFromServer(message: RpcMessage): boolean {
    if (this.#toServer.take(message)) return true;
    if (isNotification(message, "notifications/tools/list_changed")) this.#gateway.tools.forget();
    if (!isResponse(message) || !this.#listings.delete(message.id as RpcId) || !isObject(message.result)) return false;
    const listed = this.#gateway.listed(message.result);
    if (listed === message.result) return false;
    this.#tell(JSON.stringify({ ...message, result: listed }));
    return true;
  }

  #routeOf(request: RpcRequest, leaves: AbortSignal): Route {
    return { ...this.#route(hostSays(request, this.#initialized)), leaves };
  }

  /** For what no caller waits for. Before the first call, nothing is known of the host. */
  standing(): Route {
    return this.#route(this.#initialized ?? hostSays({}));
  }

  #route({ era, asksForms, envelope }: HostSays): Route {
    return {
      principal: this.#principal,
      era,
      asksForms,
      request: (method, params, progress) => this.#toServer.make(method, withEnvelope(params, envelope), progress),
      notify: (method, params) => void this.#tell(JSON.stringify({ jsonrpc: "2.0", method, params })),
      elicit: era === "legacy" ? (params) => this.#toHost.make("elicitation/create", params) : null,
      // One process, one principal: who could call it then, can call it now.
      mayUse: async () => true,
      checkCall: () => null,
      goesOnAlone: this.#goesOnAlone,
      leaves: new AbortController().signal,
    };
  }

  #tell(text: string): boolean {
    if (this.#output.destroyed || this.#output.writableEnded) return false;
    if (!this.#output.write(`${text}\n`)) this.#server?.pause();
    return true;
  }
}
