import { apiUrl, headers } from "./client.ts";
import type { Receipt } from "./types.ts";

export type Connection = "connecting" | "live" | "away";

/** A receipt as the stream tells of it: without payload and result, and without what is empty. */
export type Told = Pick<Receipt, "request_id" | "action" | "state" | "version" | "updated_at"> & Partial<Receipt>;

interface Listener {
  readonly onReceipt: (receipt: Told) => void;
  readonly onConnection: (connection: Connection) => void;
}

const listeners = new Set<Listener>();
let running: AbortController | null = null;
let connection: Connection = "connecting";
let lastId: string | null = null;

/** One stream for the whole page, as long as somebody listens. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  listener.onConnection(connection);
  if (running === null) {
    running = new AbortController();
    void follow(running.signal);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    running?.abort();
    running = null;
  };
}

function say(now: Connection): void {
  connection = now;
  for (const { onConnection } of listeners) onConnection(now);
}

/** By fetch and not by EventSource, which sends no key. Comes back where it broke off. */
async function follow(signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const again = lastId === null ? {} : { "last-event-id": lastId };
      const response = await fetch(apiUrl("/v1/events"), {
        headers: { ...headers(), ...again },
        signal,
        credentials: "omit",
        cache: "no-store",
      });
      if (!response.ok || response.body === null) throw new Error(String(response.status));
      say("live");
      failures = 0;
      await read(response.body);
    } catch {
      // told below
    }
    if (signal.aborted) return;
    say("away");
    await new Promise((resolve) => setTimeout(resolve, Math.min(15_000, 500 * 2 ** failures)));
  }
}

async function read(body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) take(event);
  }
}

function take(event: string): void {
  const lines = event.split("\n");
  const field = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  lastId = field("id") ?? lastId;
  const data = field("data");
  if (data === undefined) return;
  const { receipt } = JSON.parse(data) as { receipt?: Told };
  if (receipt) for (const { onReceipt } of listeners) onReceipt(receipt);
}
