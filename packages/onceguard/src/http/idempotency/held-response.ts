import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { storedAnswer } from "../../wire/stored-answer.ts";
import { type HeaderList, isEventStream } from "./collect.ts";
import type { Run } from "./gate.ts";
import type { Rules } from "./options.ts";

type Callback = (error?: Error | null) => void;

/**
 * Holds back what a handler writes to a Node response until it is complete and recorded. What grows too large, and an event
 * stream, goes through as it comes, and is recorded at its end.
 */
export function holdBack(response: ServerResponse, rules: Rules, run: Run): void {
  const send = {
    write: response.write.bind(response),
    end: response.end.bind(response),
    flushHeaders: response.flushHeaders.bind(response),
  } as { write: (chunk: Uint8Array) => boolean; end: (done?: Callback) => void; flushHeaders: () => void };
  const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => ServerResponse;
  let chunks: Uint8Array[] = [];
  let size = 0;
  let mode: "held" | "through" | "ended" = "held";
  /** Whether what is written now goes out. Others may have wrapped our functions since, so they stay where they are. */
  let isSending = false;

  const goThrough = (): void => {
    if (mode !== "held") return;
    mode = "through";
    isSending = true;
    for (const chunk of chunks) send.write(chunk);
    chunks = [];
  };
  const take = (chunk: unknown, encoding: unknown): void => {
    if (chunk === undefined || chunk === null || typeof chunk === "function") return;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encodingOf(encoding)) : (chunk as Uint8Array);
    if (mode === "held" && isEventStream(headersOf(response))) goThrough();
    if (mode === "through") {
      send.write(bytes);
      return;
    }
    chunks.push(bytes);
    size += bytes.length;
    if (size > rules.maxAnswerBytes) goThrough();
  };

  // Kept in the response instead of sent: status and headers may still be looked at, and are sent with the body.
  response.writeHead = ((status: number, ...more: [string | HeadersArgument, HeadersArgument?]) => {
    if (isSending) return writeHead(status, ...more);
    const [reason, headers] = typeof more[0] === "string" ? [more[0], more[1]] : [undefined, more[0]];
    response.statusCode = status;
    if (reason !== undefined) response.statusMessage = reason;
    setHeaders(response, headers);
    return response;
  }) as ServerResponse["writeHead"];
  response.flushHeaders = () => {
    goThrough();
    send.flushHeaders();
  };
  response.write = ((chunk: unknown, encoding?: unknown, callback?: unknown) => {
    if (mode === "ended") return false;
    take(chunk, encoding);
    callLater(typeof encoding === "function" ? encoding : callback);
    return true;
  }) as ServerResponse["write"];
  response.end = ((chunk?: unknown, encoding?: unknown, callback?: unknown) => {
    if (mode === "ended") return response;
    take(chunk, encoding);
    const wasHeld = mode === "held";
    mode = "ended";
    const done = [chunk, encoding, callback].find((one) => typeof one === "function") as Callback | undefined;
    const body = wasHeld ? Buffer.concat(chunks, size) : isEventStream(headersOf(response)) ? "stream" : "too_large";
    const answered = run.answered(storedAnswer(response.statusCode, headersOf(response), body));
    void answered.finally(() => {
      isSending = true;
      if (typeof body !== "string" && body.length > 0 && !response.destroyed) {
        if (!response.headersSent && !response.hasHeader("content-length")) {
          response.setHeader("content-length", body.length);
        }
        send.write(body);
      }
      send.end(done);
    });
    return response;
  }) as ServerResponse["end"];
}

type HeadersArgument = OutgoingHttpHeaders | readonly (string | number)[] | undefined;

function setHeaders(response: ServerResponse, headers: HeadersArgument): void {
  if (headers === undefined) return;
  if (Array.isArray(headers)) {
    const list = headers as readonly (string | number)[];
    for (let i = 0; i + 1 < list.length; i += 2) response.appendHeader(String(list[i]), String(list[i + 1]));
    return;
  }
  for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
    if (value !== undefined) response.setHeader(name, value);
  }
}

function headersOf(response: ServerResponse): HeaderList {
  return Object.entries(response.getHeaders()).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === undefined ? [] : [[name, String(one)] as const])),
  );
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === "string" && Buffer.isEncoding(encoding) ? encoding : "utf8";
}

function callLater(callback: unknown): void {
  if (typeof callback === "function") process.nextTick(callback as () => void);
}
