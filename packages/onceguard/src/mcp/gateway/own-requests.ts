import { randomBytes } from "node:crypto";
import { effectError } from "../../core/failure.ts";
import { answerIn, type JsonObject, objectAt, type RpcAnswer, type RpcMessage } from "./json-rpc.ts";

interface Pending {
  readonly resolve: (answer: RpcAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly progress: ((params: JsonObject) => void) | undefined;
}

/**
 * The requests that the gateway makes itself, over a connection which also carries those of others: under ids that
 * nobody else uses, and with their answers and progress taken out of the stream.
 */
export class OwnRequests {
  readonly #prefix = `onceguard-${randomBytes(6).toString("hex")}-`;
  readonly #pending = new Map<string, Pending>();
  #count = 0;
  readonly #send: (text: string) => boolean;

  /** @param send false when nothing can be sent any more */
  constructor(send: (text: string) => boolean) {
    this.#send = send;
  }

  /** @throws an effect error: definite when it was not sent, otherwise it may have arrived */
  async make(method: string, params: JsonObject, progress?: (params: JsonObject) => void): Promise<RpcAnswer> {
    const id = `${this.#prefix}${++this.#count}`;
    const { promise, resolve, reject } = Promise.withResolvers<RpcAnswer>();
    const text = JSON.stringify({ jsonrpc: "2.0", id, method, params: withOwnToken(params, progress && id) });
    this.#pending.set(id, { resolve, reject, progress });
    if (!this.#send(text)) {
      this.#pending.delete(id);
      const message = "The MCP server has ended; nothing was sent.";
      throw effectError({ certainty: "definite", tier: "transient", code: "mcp_not_connected", message });
    }
    return promise;
  }

  /** Takes a message that is about a request of ours; false when it is somebody else's. */
  take(message: RpcMessage): boolean {
    const { id, method } = message;
    if (method === undefined) {
      const pending = typeof id === "string" ? this.#pending.get(id) : undefined;
      if (pending === undefined) return typeof id === "string" && id.startsWith(this.#prefix);
      this.#pending.delete(id as string);
      pending.resolve(answerIn(message));
      return true;
    }
    const token = method === "notifications/progress" ? objectAt(message, "params")?.progressToken : undefined;
    if (typeof token !== "string" || !token.startsWith(this.#prefix)) return false;
    this.#pending.get(token)?.progress?.(objectAt(message, "params") ?? {});
    return true;
  }

  /** A request got no answer, for a reason of its own; false when it is somebody else's. */
  fail(id: unknown, error: unknown): boolean {
    const pending = typeof id === "string" ? this.#pending.get(id) : undefined;
    if (pending === undefined) return false;
    this.#pending.delete(id as string);
    pending.reject(error as Error);
    return true;
  }

  /** The connection is gone: what was asked and not answered may have been done. */
  lost(): void {
    const message = "The MCP server ended before it had answered.";
    for (const { reject } of this.#pending.values()) {
      reject(effectError({ certainty: "indefinite", tier: "transient", code: "mcp_connection_lost", message }));
    }
    this.#pending.clear();
  }
}

/** A caller's own token stays with the caller: ours is the request's id, or there is none. */
export function withOwnToken(params: JsonObject, token: string | undefined): JsonObject {
  const { progressToken: _theirs, ...meta } = objectAt(params, "_meta") ?? {};
  const own = token === undefined ? meta : { ...meta, progressToken: token };
  const { _meta, ...rest } = params;
  return _meta === undefined && token === undefined ? rest : { ...rest, _meta: own };
}
