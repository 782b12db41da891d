import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { JsonLimits } from "../../../core/strict-json.ts";
import type { Principal } from "../../server/principal.ts";
import { checkedCall, type RpcRefusal } from "../checked-call.ts";
import type { Gateway } from "../gateway.ts";
import {
  isObject,
  isRequest,
  isResponse,
  type JsonObject,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
  readHostMessage,
  readServerMessage,
} from "../json-rpc.ts";
import { OwnRequests } from "../own-requests.ts";
import { type HostSays, hostSays, initializedHost, withEnvelope } from "../protocol-era.ts";
import type { Route } from "../route.ts";
import { AcceptedCredentials } from "./accepted-credentials.ts";
import { CallerStream } from "./caller-stream.ts";
import { eventBlocks, withData } from "./event-blocks.ts";
import {
  type Admitted,
  type HttpGatewayOptions,
  type HttpGatewayServing,
  limitsOf,
  listenForHosts,
} from "./http-gateway.ts";
import { headerMismatch } from "./message-headers.ts";
import { statusOf } from "./modern-request.ts";
import { type Passing, passedPrincipal } from "./passed-principal.ts";
import { callUpstream, type HttpRefusal } from "./upstream-call.ts";
import { askUpstream, forwarded, type Headers, isEventStream, wholeBody } from "./upstream-request.ts";

export interface ProxyOptions extends HttpGatewayOptions, Passing {
  readonly gateway: Gateway;
  /** The upstream's Streamable HTTP endpoint. */
  readonly upstream: URL;
  /** Sent with every request to the upstream, instead of what the caller sent under these names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Sessions (before 2026-07-28) whose host's abilities are remembered. */
const MOST_SESSIONS = 10_000;

/** HTTP on both sides: a reverse proxy that answers guarded calls itself. */
export function serveProxy(options: ProxyOptions): Promise<HttpGatewayServing> {
  const proxy = new GuardingProxy(options);
  return listenForHosts(options, (admitted) => proxy.serve(admitted));
}

class GuardingProxy {
  readonly #options: ProxyOptions;
  readonly #limits: JsonLimits;
  readonly #accepted = new AcceptedCredentials();
  readonly #sessions = new Map<string, HostSays>();
  /** Requests of our own to hosts, whose answers come as messages of their own. */
  readonly #toHosts = new Set<OwnRequests>();

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#limits = limitsOf(options);
  }

  async serve(admitted: Admitted): Promise<void> {
    const { text, response } = admitted;
    if (text === null) return this.#pass(admitted, null);
    const read = readHostMessage(text, this.#limits);
    if ("refused" in read) return refuse(response, 400, read.refused);
    if ("opaque" in read) return this.#pass(admitted, null);
    const { message } = read;
    if (isResponse(message) && [...this.#toHosts].some((requests) => requests.take(message))) {
      response.writeHead(202).end();
      return;
    }
    if (message.method !== "tools/call") return this.#pass(admitted, message);
    const checked = checkedCall(message);
    if ("refused" in checked) return refuse(response, 400, checked.refused);
    return this.#call(admitted, checked.request);
  }

  async #call(admitted: Admitted, request: RpcRequest): Promise<void> {
    const { incoming, response } = admitted;
    const stream = new CallerStream(response, incoming.headers.accept);
    const left = new AbortController();
    response.once("close", () => left.abort());
    const toHost = new OwnRequests((text) => stream.tell(text));
    let refusal: HttpRefusal | null = null;
    const route = this.#routeOf(admitted, request, {
      stream,
      toHost,
      leaves: left.signal,
      refused: (given) => {
        refusal = given;
        if (given.status === 401 || given.status === 403) this.#accepted.refuse(incoming.headers.authorization);
      },
    });
    this.#toHosts.add(toHost);
    try {
      // Before anything stored in somebody's name is looked at.
      if (!(await this.#isAccepted(admitted, route))) {
        if (refusal !== null) return refuseAs(stream, refusal, request.id);
        const message = "The server could not be asked whether you may call it, so nothing was sent.";
        return stream.finish(request.id, { error: { code: -32603, message } });
      }
      refusal = null;
      const answer = await this.#options.gateway.call(request, route);
      if (answer === null) {
        if (stream.isOpen) await this.#pass(admitted, request);
      } else if (refusal !== null) refuseAs(stream, refusal, request.id);
      else stream.finish(request.id, answer, route.era === "modern" ? statusOf(answer) : 200);
    } finally {
      this.#toHosts.delete(toHost);
      toHost.lost();
    }
  }

  /** By the upstream, a moment ago or now. Where the gateway has tokens of its own, the caller's are not its concern. */
  async #isAccepted({ incoming, principal }: Admitted, route: Route): Promise<boolean> {
    const { authorization } = incoming.headers;
    if (authorization === undefined || principal !== null || this.#accepted.has(authorization)) return true;
    try {
      await route.request("tools/list", {});
      this.#accepted.accept(authorization);
      return true;
    } catch {
      return false;
    }
  }

  #routeOf(
    admitted: Admitted,
    request: RpcRequest,
    caller: {
      readonly stream: CallerStream;
      readonly toHost: OwnRequests;
      readonly leaves: AbortSignal;
      readonly refused: (refusal: HttpRefusal) => void;
    },
  ): Route {
    const { incoming } = admitted;
    const { stream, toHost, leaves, refused } = caller;
    const session = incoming.headers["mcp-session-id"];
    const says = hostSays(request, typeof session === "string" ? this.#sessions.get(session) : undefined);
    const headers = this.#headersFor(admitted);
    const ask = (method: string, params: JsonObject, progress?: (params: JsonObject) => void) => {
      const isCall = method === "tools/call";
      if (isCall) stream.keepWaiting();
      return callUpstream({
        url: this.#options.upstream,
        headers,
        era: says.era,
        method,
        params: withEnvelope(params, says.envelope),
        tool: typeof params.name === "string" ? this.#options.gateway.tools.known?.get(params.name) : undefined,
        progress,
        // What is said while the gateway asks for itself is nobody's.
        meanwhile: (text) => void (isCall && stream.tell(text)),
        refused,
      });
    };
    return {
      principal: this.#principalOf(admitted),
      era: says.era,
      asksForms: says.asksForms,
      request: ask,
      notify: (method, params) => void stream.tell(JSON.stringify({ jsonrpc: "2.0", method, params })),
      elicit: says.era === "legacy" ? (params) => toHost.make("elicitation/create", params) : null,
      mayUse: async (tool) => (await this.#listedTo(ask)).has(tool),
      goesOnAlone: false,
      checkCall: (params, tool) =>
        says.era === "modern" ? headerMismatch(incoming.headers, "tools/call", params, tool) : null,
      leaves,
    };
  }

  /** The tools that the upstream shows this caller now. */
  async #listedTo(ask: Route["request"]): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    let cursor: unknown;
    do {
      const answer = await ask("tools/list", cursor === undefined ? {} : { cursor });
      if ("error" in answer) break;
      const { tools, nextCursor } = answer.result;
      for (const tool of Array.isArray(tools) ? tools : []) if (isObject(tool)) names.add(String(tool.name));
      cursor = nextCursor;
    } while (typeof cursor === "string");
    return names;
  }

  #principalOf({ incoming, principal }: Admitted): Principal {
    return principal ?? passedPrincipal(incoming.headers, this.#options.principal, this.#options);
  }

  #headersFor({ incoming, principal }: Admitted): Headers {
    const { authorization, ...rest } = forwarded(incoming.headers);
    // A token that was made out for the gateway ends here.
    const passed = principal === null && authorization !== undefined ? { authorization } : {};
    return { ...rest, ...passed, ...this.#options.headers };
  }

  /** As it came, and back as it comes, but for what the gateway has to read on the way. */
  async #pass(admitted: Admitted, message: RpcMessage | null): Promise<void> {
    const { incoming, response, text } = admitted;
    const left = new AbortController();
    response.once("close", () => left.abort());
    const isListing = message !== null && isRequest(message) && message.method === "tools/list";
    const answered = await askUpstream(this.#options.upstream, {
      method: incoming.method ?? "POST",
      headers: { ...this.#headersFor(admitted), ...(isListing && { "accept-encoding": "identity" }) },
      ...(text !== null && { body: text }),
      signal: left.signal,
    });
    if (message?.method === "initialize") this.#remember(answered.headers["mcp-session-id"], message);
    try {
      if (isListing && answered.statusCode === 200) await this.#passListing(answered, response, message.id);
      else {
        response.writeHead(answered.statusCode ?? 502, forwarded(answered.headers) as never);
        response.flushHeaders();
        if (incoming.method === "GET" && isEventStream(answered)) await this.#watch(answered, response);
        else await pipeline(answered, response);
      }
    } catch (error) {
      if (!left.signal.aborted) throw error;
    }
  }

  /** What the server says by itself passes; that its tools have changed is heard. */
  async #watch(answered: IncomingMessage, response: ServerResponse): Promise<void> {
    for await (const { raw, data } of eventBlocks(answered)) {
      if (data.includes("list_changed")) this.#options.gateway.tools.forget();
      response.write(raw);
    }
    response.end();
  }

  async #passListing(answered: IncomingMessage, response: ServerResponse, id: RpcId): Promise<void> {
    response.writeHead(200, forwarded(answered.headers) as never);
    if (!isEventStream(answered)) {
      const text = await wholeBody(answered);
      response.end(this.#listing(text, id) ?? text);
      return;
    }
    for await (const block of eventBlocks(answered)) {
      const listing = this.#listing(block.data, id);
      response.write(listing === null ? block.raw : withData(block, listing));
    }
    response.end();
  }

  /** The answer to a listing in the form in which the host gets it; null when it is none. */
  #listing(text: string, id: RpcId): string | null {
    const message = readServerMessage(text);
    if (message === null || message.id !== id || !isObject(message.result)) return null;
    return JSON.stringify({ ...message, result: this.#options.gateway.listed(message.result) });
  }

  #remember(session: string | readonly string[] | undefined, message: RpcMessage): void {
    if (typeof session !== "string") return;
    this.#sessions.set(session, initializedHost(message));
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MOST_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
  }
}

function refuse(response: ServerResponse, status: number, body: RpcRefusal): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** The upstream's words as they are, but for the id, which was that of our own request. */
function refuseAs(stream: CallerStream, { status, headers, body }: HttpRefusal, id: RpcId): void {
  const message = readServerMessage(body);
  const isAnswer = message !== null && message.error !== undefined;
  stream.refuse(status, headers, isAnswer ? JSON.stringify({ ...message, id }) : body);
}
