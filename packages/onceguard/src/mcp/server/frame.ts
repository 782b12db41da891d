import { OnceguardError } from "../../core/errors.ts";
import { type JsonLimits, parseStrictJson } from "../../core/strict-json.ts";
import { IDEMPOTENCY_KEY_META } from "./host-identity.ts";

/** Room for a payload at the guard's own limits (1 MiB, 64 levels), and for the envelope around it. */
export const FRAME_LIMITS: JsonLimits = { maxBytes: 4 * 1_048_576, maxDepth: 80 };

export type JsonRpcId = string | number | null;

/** What was wrong with a frame, as the JSON-RPC error that answers it. */
export interface FrameError {
  readonly jsonrpc: "2.0";
  readonly id: JsonRpcId;
  readonly error: { readonly code: number; readonly message: string };
}

export type Frame = { readonly message: Record<string, unknown> } | { readonly refused: FrameError };

/**
 * One message of the protocol from its text, through the strict gate: before anything recursive sees it, and while it can
 * still be seen that a key is there twice. Two readers of such a text would guard one payload and execute another.
 */
export function readFrame(text: string, limits: JsonLimits = FRAME_LIMITS): Frame {
  let message: unknown;
  try {
    message = parseStrictJson(text, limits);
  } catch (error) {
    return { refused: refusal(text.slice(0, ID_WITHIN), text.slice(-ID_WITHIN), error) };
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    return { refused: frameError(null, -32600, "Invalid Request: expected one JSON-RPC message.") };
  }
  const { jsonrpc, id } = message as Record<string, unknown>;
  if (jsonrpc !== "2.0") {
    const isId = typeof id === "string" || typeof id === "number";
    return { refused: frameError(isId ? id : null, -32600, 'Invalid Request: "jsonrpc" must be "2.0".') };
  }
  return { message: withIdempotencyKey(message as Record<string, unknown>) };
}

/** How much of either end is searched for the id of a message that is not read. */
export const ID_WITHIN = 1_024;

function refusal(head: string, tail: string, error: unknown): FrameError {
  const { code, message } = error as OnceguardError;
  const id = idOf(head, tail);
  if (!(error instanceof OnceguardError)) return frameError(id, -32700, "Parse error.");
  // What the gate says of payloads holds for the message here.
  const words = message
    .replace("The payload", "The message")
    .replace("Pass a reference", "Nothing was done. Pass a reference");
  const isSyntax = code === "payload_not_json" && /is not JSON/.test(message);
  return frameError(id, isSyntax ? -32700 : -32600, `${isSyntax ? "Parse error" : "Invalid Request"}: ${words}`);
}

export function frameTooLarge(head: string, tail: string, maxBytes: number = FRAME_LIMITS.maxBytes): FrameError {
  const message = `Invalid Request: the message is larger than ${maxBytes} bytes. Nothing was done. Pass a reference to the large part.`;
  return frameError(idOf(head, tail), -32600, message);
}

export function frameError(id: JsonRpcId, code: number, message: string): FrameError {
  return { jsonrpc: "2.0", id, error: { code, message } };
}

/** The id of a message that could not be read, where it stands first or last in it, so that its caller hears of it. */
function idOf(head: string, tail: string): JsonRpcId {
  const id = `(-?\\d{1,15}|"[^"\\\\]{0,255}")`;
  const first = new RegExp(
    `^\\s*\\{(?:\\s*"(?:jsonrpc|method)"\\s*:\\s*"[^"]*"\\s*,)*\\s*"id"\\s*:\\s*${id}\\s*[,}]`,
  ).exec(head);
  const last = new RegExp(`,\\s*"id"\\s*:\\s*${id}\\s*(?:,\\s*"jsonrpc"\\s*:\\s*"2.0"\\s*)?\\}\\s*$`).exec(tail);
  // A closing brace before the end would make it the id of something inside.
  const found = first?.[1] ?? last?.[1];
  return found === undefined ? null : (JSON.parse(found) as JsonRpcId);
}

/** SEP-3182 puts the caller's key beside the tool's name; the SDK hands on `_meta` and drops what it does not know. */
function withIdempotencyKey(message: Record<string, unknown>): Record<string, unknown> {
  const params = message.params as Record<string, unknown> | undefined;
  if (message.method !== "tools/call" || typeof params !== "object" || params === null) return message;
  const { idempotencyKey, ...rest } = params;
  if (typeof idempotencyKey !== "string") return message;
  const meta = typeof rest._meta === "object" && rest._meta !== null ? rest._meta : {};
  return { ...message, params: { ...rest, _meta: { ...meta, [IDEMPOTENCY_KEY_META]: idempotencyKey } } };
}
