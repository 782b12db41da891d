import type { ServerResponse } from "node:http";
import { type RpcAnswer, type RpcId, responseText } from "../json-rpc.ts";
import { eventText } from "./event-blocks.ts";

/** Silence after which an answer becomes a stream, so that nobody on the way takes the connection for dead. */
const SILENCE_MS = 5_000;
const COMMENT_EVERY_MS = 15_000;

/**
 * The answer to one POST: plain JSON when there is nothing to say before it, otherwise an event stream. Whoever has left
 * hears nothing, and that is no error.
 */
export class CallerStream {
  readonly #response: ServerResponse;
  readonly #takesEvents: boolean;
  #timer: NodeJS.Timeout | undefined;
  #comments: NodeJS.Timeout | undefined;

  constructor(response: ServerResponse, accept: string | undefined) {
    this.#response = response;
    this.#takesEvents = /text\/event-stream|\*\/\*/i.test(accept ?? "");
    response.once("close", () => this.#stop());
  }

  /** From now on the answer is certain to come through here, and may take long. */
  keepWaiting(): void {
    this.#timer ??= setTimeout(() => this.#open(), SILENCE_MS);
  }

  get isOpen(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded;
  }

  /** A message before the answer; false when it cannot reach the caller. */
  tell(text: string): boolean {
    if (!this.#takesEvents || !this.isOpen) return false;
    this.#open();
    this.#response.write(eventText(text));
    return true;
  }

  finish(id: RpcId, answer: RpcAnswer, status = 200): void {
    this.#stop();
    if (!this.isOpen) return;
    const text = responseText(id, answer);
    if (this.#response.headersSent) {
      this.#response.end(eventText(text));
      return;
    }
    this.#response.writeHead(status, { "content-type": "application/json" }).end(text);
  }

  /** The upstream's own answer in HTTP, which its client has to see: a challenge, a session that is gone. */
  refuse(status: number, headers: Readonly<Record<string, string | readonly string[]>>, body: string): void {
    this.#stop();
    if (!this.isOpen) return;
    if (this.#response.headersSent) this.#response.end();
    else this.#response.writeHead(status, headers as never).end(body);
  }

  #open(): void {
    if (!this.#takesEvents || this.#response.headersSent || !this.isOpen) return;
    this.#response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" });
    this.#response.flushHeaders();
    this.#comments = setInterval(() => this.#response.write(": still at work\n\n"), COMMENT_EVERY_MS);
    this.#comments.unref();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#comments);
  }
}
