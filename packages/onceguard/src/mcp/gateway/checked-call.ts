import { type FrameError, frameError } from "../server/frame.ts";
import { isObject, isRequest, type RpcMessage, type RpcRequest } from "./json-rpc.ts";

export type RpcRefusal = FrameError;

const MEMBERS: ReadonlySet<string> = new Set(["jsonrpc", "id", "method", "params"]);

/**
 * A `tools/call` that every server would read alike. One without an id would go past the guard, since nobody would ever
 * hear what became of it; one with strange members is dropped by some servers without a word, which would look like a
 * call that never ends.
 */
export function checkedCall(message: RpcMessage): { readonly request: RpcRequest } | { readonly refused: RpcRefusal } {
  const refused = (problem: string): { refused: RpcRefusal } => ({
    refused: frameError(
      isRequest(message) ? message.id : null,
      -32600,
      `Invalid Request: ${problem}. Nothing was done.`,
    ),
  });
  if (message.jsonrpc !== "2.0") return refused('"jsonrpc" must be "2.0"');
  if (!isRequest(message)) return refused("a call needs an id");
  const stranger = Object.keys(message).find((key) => !MEMBERS.has(key));
  if (stranger !== undefined) return refused(`"${stranger}" has no place in it`);
  if (message.params !== undefined && !isObject(message.params)) return refused("`params` must be an object");
  return { request: message };
}
