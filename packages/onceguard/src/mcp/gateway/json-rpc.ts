import { type JsonLimits, parseStrictJson } from "../../core/strict-json.ts";
import { type FrameError, frameError, readFrame } from "../server/frame.ts";

export type JsonObject = Readonly<Record<string, unknown>>;
export type RpcId = string | number;

export interface RpcRequest {
  readonly jsonrpc: "2.0";
  readonly id: RpcId;
  readonly method: string;
  readonly params?: JsonObject;
}

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** An answer without its id, which differs on either side of the gateway. */
export type RpcAnswer = { readonly result: JsonObject } | { readonly error: RpcError };

/** What the gateway has to see of a message; the text itself is what it passes on. */
export interface RpcMessage {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** A message of the host's: to be looked at, to be passed on unread, or to be answered with an error. */
export type HostMessage =
  | { readonly message: RpcMessage }
  | { readonly opaque: true }
  | { readonly refused: FrameError };

/**
 * Reads what the host sends. What could be a tool call to any reader of it has to pass the strict gate, or the gateway
 * would guard one call and the server execute another. Anything else that the gate refuses is none of its business.
 */
export function readHostMessage(text: string, limits: JsonLimits): HostMessage {
  try {
    const message = parseStrictJson(text, limits);
    if (isObject(message)) return { message };
  } catch {
    if (!couldBeToolCall(text)) return opaqueOrRefused(text);
  }
  const frame = readFrame(text, limits);
  if ("refused" in frame) return frame;
  // A batch has no place in any era from 2025-06-18 on, and could hide a call.
  return { refused: frameError(null, -32600, "Invalid Request: expected one JSON-RPC message.") };
}

/** No reader finds "tools/call" where neither it nor an escape of one of its characters stands in the text. */
function couldBeToolCall(text: string): boolean {
  return text.includes("tools/call") || /\\\/|\\u00[2-7]/i.test(text);
}

function opaqueOrRefused(text: string): HostMessage {
  try {
    JSON.parse(text);
    return { opaque: true };
  } catch {
    return { refused: frameError(null, -32700, "Parse error: this is not JSON. Nothing was done.") };
  }
}

/** Reads what the server sends; null for what is no message, which is passed on as it is. */
export function readServerMessage(text: string): RpcMessage | null {
  try {
    const message: unknown = JSON.parse(text);
    return isObject(message) ? message : null;
  } catch {
    return null;
  }
}

export function isRpcId(id: unknown): id is RpcId {
  return typeof id === "string" || typeof id === "number";
}

export function isRequest(message: RpcMessage): message is RpcRequest {
  return typeof message.method === "string" && isRpcId(message.id);
}

export function isNotification(message: RpcMessage, method: string): boolean {
  return message.method === method && message.id === undefined;
}

export function isResponse(message: RpcMessage): boolean {
  return message.method === undefined && isRpcId(message.id);
}

export function answerIn(message: RpcMessage): RpcAnswer {
  if (isObject(message.result)) return { result: message.result };
  const error = message.error as Partial<RpcError> | undefined;
  const { code = -32603, message: words = "the server's answer is neither a result nor an error", data } = error ?? {};
  return { error: { code, message: words, ...(data !== undefined && { data }) } };
}

export function responseText(id: RpcId | null, answer: RpcAnswer): string {
  return JSON.stringify({ jsonrpc: "2.0", id, ...answer });
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectAt(value: unknown, key: string): JsonObject | undefined {
  const found = isObject(value) ? value[key] : undefined;
  return isObject(found) ? found : undefined;
}
