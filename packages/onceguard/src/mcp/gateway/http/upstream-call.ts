import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { effectError } from "../../../core/failure.ts";
import { answerIn, isResponse, type JsonObject, objectAt, type RpcAnswer, readServerMessage } from "../json-rpc.ts";
import { withOwnToken } from "../own-requests.ts";
import type { Era } from "../route.ts";
import type { UpstreamTool } from "../upstream-tool.ts";
import { eventBlocks } from "./event-blocks.ts";
import { messageHeaders } from "./message-headers.ts";
import { askUpstream, forwarded, type Headers, isEventStream, wholeBody } from "./upstream-request.ts";

/** What the upstream said in HTTP instead of answering the message. */
export interface HttpRefusal {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface UpstreamCall {
  readonly url: URL;
  /** The caller's own, as far as they are passed on. */
  readonly headers: Headers;
  readonly era: Era;
  readonly method: string;
  readonly params: JsonObject;
  /** The tool that is called. */
  readonly tool?: UpstreamTool | undefined;
  /** What the upstream reports of this request. */
  readonly progress?: ((params: JsonObject) => void) | undefined;
  /** What else the upstream says before its answer: it belongs to the caller. */
  readonly meanwhile: (text: string) => void;
  readonly refused: (refusal: HttpRefusal) => void;
}

/** About the caller or its session, and not about its message. */
const CODES: Readonly<Record<number, string>> = {
  401: "mcp_unauthorized",
  403: "mcp_not_allowed",
  404: "mcp_no_session",
};

const prefix = `onceguard-${randomBytes(6).toString("hex")}-`;
let count = 0;

/**
 * A request of the gateway's own in the name of a caller, with the caller's credentials and session. It is never called
 * off: whoever leaves is detached.
 *
 * @throws an effect error, or the connection's own
 */
export async function callUpstream(call: UpstreamCall): Promise<RpcAnswer> {
  const { url, method, params, progress, meanwhile } = call;
  const id = `${prefix}${++count}`;
  const body = JSON.stringify({ jsonrpc: "2.0", id, method, params: withOwnToken(params, progress && id) });
  const answered = await askUpstream(url, { method: "POST", headers: headersOf(call), body });
  if (answered.statusCode !== 200) throw await refusal(answered, call);
  for await (const text of messagesIn(answered)) {
    const message = readServerMessage(text);
    if (message !== null && isResponse(message) && message.id === id) {
      answered.resume();
      return answerIn(message);
    }
    const isProgress = message?.method === "notifications/progress";
    const ofProgress = isProgress ? objectAt(message, "params") : undefined;
    if (ofProgress?.progressToken === id) progress?.(ofProgress);
    else meanwhile(text);
  }
  const words = "The MCP server's answer ended before its result.";
  throw effectError({ certainty: "indefinite", tier: "transient", code: "mcp_connection_lost", message: words });
}

/** What describes a message in HTTP is made for this one; all else is the caller's. */
function headersOf({ headers, era, method, params, tool }: UpstreamCall): Headers {
  const {
    "mcp-method": _method,
    "mcp-name": _name,
    "accept-encoding": _encoding,
    ...rest
  } = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith("mcp-param-")));
  return {
    ...rest,
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    ...(era === "modern" && messageHeaders(method, params, tool)),
  };
}

async function* messagesIn(message: IncomingMessage): AsyncGenerator<string> {
  if (!isEventStream(message)) yield await wholeBody(message);
  else for await (const { data } of eventBlocks(message)) if (data !== "") yield data;
}

/** What the server has refused without looking at the tool, its client has to see as it is. Anything else may have run. */
async function refusal(answered: IncomingMessage, { refused }: UpstreamCall): Promise<Error> {
  const status = answered.statusCode ?? 0;
  const body = await wholeBody(answered);
  if (codeOf(status, body) !== undefined) refused({ status, headers: forwarded(answered.headers), body });
  return refusalError(status, body, answered.headers["retry-after"]);
}

function codeOf(status: number, body: string): string | undefined {
  const isRefusedMessage = status === 400 && objectAt(readServerMessage(body), "error") !== undefined;
  return CODES[status] ?? (isRefusedMessage ? "mcp_http_400" : undefined);
}

/** An HTTP status as an error that says whether anything may have been done. */
export function refusalError(status: number, body: string, retryAfter: string | undefined): Error {
  const said = objectAt(readServerMessage(body), "error")?.message;
  const message = `The MCP server answered with HTTP ${status}${typeof said === "string" ? `: ${said.slice(0, 300)}` : ""}.`;
  const code = codeOf(status, body);
  if (code !== undefined) return effectError({ certainty: "definite", tier: null, code, message });
  return Object.assign(new Error(message), { status, ...(retryAfter && { headers: { "retry-after": retryAfter } }) });
}
