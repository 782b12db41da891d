import type { IncomingHttpHeaders } from "node:http";
import { isRequest, type JsonObject, objectAt, type RpcAnswer, type RpcError, type RpcMessage } from "../json-rpc.ts";
import type { ToolsByName } from "../upstream-tools.ts";
import { headerMismatch } from "./message-headers.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
/** The first revision without sessions. Revisions are dates, and sort as texts. */
const MODERN = "2026-07-28";
/** Those whose rules for HTTP are known here. */
const KNOWN = [MODERN];

/** Whether a message is one of the revisions without sessions, by what it carries or by what its headers say. */
export function isModern(headers: IncomingHttpHeaders, message: RpcMessage): boolean {
  const said = headers["mcp-protocol-version"];
  return versionIn(message) !== undefined || (typeof said === "string" && said >= MODERN);
}

/** What is wrong with a request of such a revision in the form in which it came; null when nothing is. */
export function problemWithModern(
  headers: IncomingHttpHeaders,
  message: RpcMessage,
  tools: ToolsByName | null,
): RpcError | null {
  if (!isRequest(message)) return null;
  const version = versionIn(message);
  if (typeof version !== "string" || objectAt(objectAt(message.params, "_meta"), CAPABILITIES) === undefined) {
    const message = `Invalid params: \`_meta\` must carry ${VERSION} and ${CAPABILITIES}. Nothing was done.`;
    return { code: -32602, message };
  }
  const params: JsonObject = objectAt(message, "params") ?? {};
  const tool = typeof params.name === "string" ? tools?.get(params.name) : undefined;
  return headerMismatch(headers, message.method, params, tool) ?? unknownRevision(version);
}

function unknownRevision(version: string): RpcError | null {
  if (KNOWN.includes(version)) return null;
  const data = { supported: KNOWN, requested: version };
  return { code: -32022, message: `Unsupported protocol version: ${version.slice(0, 40)}. Nothing was done.`, data };
}

function versionIn(message: RpcMessage): unknown {
  return objectAt(message.params, "_meta")?.[VERSION];
}

/** The HTTP status of an answer: since 2026-07-28 it says whether the request was one at all. */
export function statusOf(answer: RpcAnswer): number {
  if (!("error" in answer)) return 200;
  switch (answer.error.code) {
    case -32601:
      return 404;
    case -32020: // headers and message disagree
    case -32021: // the client lacks a capability
    case -32022: // no such revision here
      return 400;
    default:
      return 200;
  }
}
