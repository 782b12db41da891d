import { randomUUID } from "node:crypto";
import type { Principal } from "../../server/principal.ts";
import type { Gateway } from "../gateway.ts";
import { isRequest, type RpcMessage, readHostMessage } from "../json-rpc.ts";
import { BridgeSession, isAskable, type StartUpstream } from "./bridge-session.ts";
import { CallerStream } from "./caller-stream.ts";
import {
  type Admitted,
  type HttpGatewayOptions,
  type HttpGatewayServing,
  limitsOf,
  listenForHosts,
} from "./http-gateway.ts";
import { isModern, problemWithModern, statusOf } from "./modern-request.ts";

export interface BridgeOptions extends HttpGatewayOptions {
  readonly gateway: Gateway;
  readonly start: StartUpstream;
  /** Most server processes at a time. Default 64. */
  readonly maxSessions?: number;
  /** After so long without a request a session ends, in ms. Default 30 minutes. */
  readonly sessionIdleMs?: number;
}

const DEFAULT_MAX_SESSIONS = 64;
const DEFAULT_IDLE_MS = 30 * 60_000;

/** HTTP for hosts, stdio to the server: one server process per session, since 2026-07-28 one per principal. */
export async function serveBridge(options: BridgeOptions): Promise<HttpGatewayServing> {
  const bridge = new Bridge(options);
  const serving = await listenForHosts(options, (admitted) => bridge.serve(admitted));
  return {
    listening: serving.listening,
    close: async () => {
      await bridge.close();
      await serving.close();
    },
  };
}

class Bridge {
  readonly #options: BridgeOptions;
  readonly #sessions = new Map<string, Promise<BridgeSession>>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: BridgeOptions) {
    this.#options = options;
    const idleMs = options.sessionIdleMs ?? DEFAULT_IDLE_MS;
    this.#sweep = setInterval(() => void this.#endIdle(idleMs), Math.min(idleMs, 60_000));
    this.#sweep.unref();
  }

  async serve(admitted: Admitted): Promise<void> {
    const { incoming, response, text } = admitted;
    if (incoming.method === "POST") return this.#post(admitted, text ?? "");
    const session = await this.#sessionOf(admitted);
    if (session === null) return fail(admitted, incoming.method === "GET" ? 405 : 404, "There is no such session.");
    if (incoming.method === "GET") return session.listen(response);
    if (incoming.method !== "DELETE") return fail(admitted, 405, "POST, GET and DELETE are known here.");
    this.#sessions.delete(sessionId(admitted) as string);
    response.writeHead(204).end();
    await session.end();
  }

  async #post(admitted: Admitted, text: string): Promise<void> {
    const { incoming, response } = admitted;
    const read = readHostMessage(text, limitsOf(this.#options));
    if ("refused" in read) return fail(admitted, 400, read.refused);
    const message = "opaque" in read ? (JSON.parse(text) as RpcMessage) : read.message;
    const modern = isModern(incoming.headers, message);
    const problem = modern ? problemWithModern(incoming.headers, message, this.#options.gateway.tools.known) : null;
    if (problem !== null) {
      return fail(admitted, 400, { jsonrpc: "2.0", id: isAskable(message) ? message.id : null, error: problem });
    }
    const session = await this.#sessionFor(admitted, message, modern);
    if (typeof session === "string") return fail(admitted, session === NO_SESSION ? 404 : 503, session);
    if (!isAskable(message)) {
      session.tell(message);
      response.writeHead(202).end();
      return;
    }
    const left = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished) left.abort();
    });
    const stream = new CallerStream(response, incoming.headers.accept);
    stream.keepWaiting();
    session.ask(message, stream, modern ? statusOf : () => 200, left.signal);
  }

  /** The session of a message, or why there is none. */
  async #sessionFor(admitted: Admitted, message: RpcMessage, modern: boolean): Promise<BridgeSession | string> {
    const principal = this.#principalOf(admitted);
    if (modern) return this.#started(`modern ${principal.tenant} ${principal.name}`, principal);
    if (message.method !== "initialize" || !isRequest(message)) return (await this.#sessionOf(admitted)) ?? NO_SESSION;
    const id = randomUUID();
    admitted.response.setHeader("mcp-session-id", id);
    return this.#started(id, principal);
  }

  async #started(id: string, principal: Principal): Promise<BridgeSession | string> {
    const known = this.#sessions.get(id);
    if (known !== undefined) {
      const session = await known;
      if (!session.isOver) return session;
      if (this.#sessions.get(id) === known) this.#sessions.delete(id);
      return this.#started(id, principal);
    }
    const { gateway, start, maxMessageBytes, maxSessions = DEFAULT_MAX_SESSIONS } = this.#options;
    if (this.#sessions.size >= maxSessions) {
      return `There are ${maxSessions} sessions already. Nothing was done.`;
    }
    const starting = BridgeSession.start(gateway, principal, start, maxMessageBytes);
    this.#sessions.set(id, starting);
    try {
      return await starting;
    } catch (error) {
      this.#sessions.delete(id);
      throw error;
    }
  }

  /** Whoever asks must be the one who opened it. */
  async #sessionOf(admitted: Admitted): Promise<BridgeSession | null> {
    const session = await this.#sessions.get(sessionId(admitted) ?? "");
    if (!session || session.isOver) return null;
    const { tenant, name } = this.#principalOf(admitted);
    return session.principal.tenant === tenant && session.principal.name === name ? session : null;
  }

  #principalOf({ principal }: Admitted): Principal {
    return principal ?? this.#options.principal;
  }

  async #endIdle(idleMs: number): Promise<void> {
    for (const [id, starting] of this.#sessions) {
      const session = await starting.catch(() => null);
      const isIdle = session?.isIdle === true && performance.now() - session.usedAt > idleMs;
      if (session !== null && !session.isOver && !isIdle) continue;
      this.#sessions.delete(id);
      await session?.end();
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.allSettled(sessions.map(async (session) => (await session).end()));
  }
}

const NO_SESSION = "There is no such session: initialize first.";

function sessionId({ incoming }: Admitted): string | undefined {
  const id = incoming.headers["mcp-session-id"];
  return typeof id === "string" && !id.startsWith("modern ") ? id : undefined;
}

function fail({ response }: Admitted, status: number, what: string | object): void {
  const body = typeof what === "string" ? { jsonrpc: "2.0", id: null, error: { code: -32600, message: what } } : what;
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
