import type { Readable, Writable } from "node:stream";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/server";
import { type FrameError, frameTooLarge, readFrame } from "../frame.ts";
import { LineReader } from "./line-reader.ts";

/**
 * The SDK's stdio transport ends the connection over a message that is too large, and says nothing to one that it
 * cannot read. Behind a connection there are other calls, so here each gets its error and the connection goes on.
 */
export class GatedStdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #lines = new LineReader();
  #closed = false;

  constructor(input: Readable = process.stdin, output: Writable = process.stdout) {
    this.#input = input;
    this.#output = output;
  }

  async start(): Promise<void> {
    this.#input.on("data", this.#read);
    this.#input.on("error", this.#failed);
    this.#input.on("end", this.#end);
    this.#input.on("close", this.#end);
    this.#output.on("error", this.#failed);
    if (this.#input.readableEnded || this.#input.destroyed) setImmediate(this.#end);
  }

  readonly #read = (chunk: Buffer): void => {
    for (const line of this.#lines.push(chunk)) {
      if (this.#closed) return;
      if ("head" in line) this.#refuse(frameTooLarge(line.head, line.tail));
      else this.#take(line.text);
    }
  };

  #take(text: string): void {
    const frame = readFrame(text);
    if ("refused" in frame) this.#refuse(frame.refused);
    else {
      try {
        this.onmessage?.(frame.message as unknown as JSONRPCMessage);
      } catch (error) {
        this.onerror?.(error as Error);
      }
    }
  }

  #refuse(error: FrameError): void {
    this.onerror?.(new Error(error.error.message));
    void this.#write(error).catch(() => undefined);
  }

  /** The other side is gone, or going: whoever waits for an answer here has left. */
  readonly #end = (): void => void this.close();

  readonly #failed = (error: Error): void => {
    this.onerror?.(error);
    void this.close();
  };

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#closed) throw new Error("the connection is closed");
    await this.#write(message);
  }

  #write(message: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#output.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#input.off("data", this.#read);
    this.#input.off("end", this.#end);
    this.#input.off("close", this.#end);
    this.#input.pause();
    this.onclose?.(); // the listeners for errors stay: what comes late must not end the process
  }
}
