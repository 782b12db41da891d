import { createServer, connect as dial, type Server, type Socket } from "node:net";

/**
 * A TCP proxy that breaks connections on purpose, between a client and a server on loopback. It answers the question
 * every retrying client has to live with: what if the other side did it and the answer never came?
 *
 * A fault hits one chunk of what the client sends (its request, for protocols that take turns). A seeded chance, the
 * nth chunk, or the test itself (`cutNext`) decides which.
 */
export type Fault =
  /** RST to the client. Without `forward` the request never arrives; with it the server has the request all the same. */
  | { readonly mode: "reset"; readonly forward?: boolean }
  /** Swallows the request and whatever follows, both ways, and keeps the connection open until the client gives up. */
  | { readonly mode: "black_hole" }
  /** The server gets the request, does its work and answers; the answer goes nowhere. Then the client sees RST, or nothing. */
  | { readonly mode: "dropped_reply"; readonly ending: "cut" | "hang" }
  /** The request arrives late. */
  | { readonly mode: "delay"; readonly ms: number };

/** What the proxy does to a connection. */
export type FaultMode = Fault["mode"];

/** A fault that has happened: the client was cut off, or is now talking to nobody. */
export interface Injected {
  readonly fault: Fault;
  /** The chunk of the client that it hit. */
  readonly request: Buffer;
  /** What the server answered and the client never saw; empty except for `dropped_reply`. */
  readonly reply: Buffer;
}

/** Tells from a server's bytes when its answer is complete. One per connection, fed from the first byte on. */
export interface ReplyBoundary {
  /** Counts the answers that `chunk` completes. */
  completed(chunk: Buffer): number;
}

/** Where the proxy leads, and how it knows the end of an answer. */
export interface LostAckProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** Default: a free one below the range the system takes outgoing ports from, so that `accept` finds it free again. */
  readonly port?: number;
  /** When an answer is complete, for `dropped_reply`. Default: with its first bytes. */
  readonly boundary?: () => ReplyBoundary;
}

/** Each chunk of a client (that `match` accepts) is hit with this probability, by one of `faults` (repeat one to weigh it). */
export interface Chance {
  readonly seed: number;
  readonly probability: number;
  readonly faults: readonly Fault[];
  readonly match?: (chunk: Buffer) => boolean;
}

/** A TCP proxy that breaks connections on cue, such as between a commit and its acknowledgement. */
export interface LostAckProxy {
  readonly host: string;
  readonly port: number;
  /** How often each fault has happened. */
  readonly injected: Readonly<Record<FaultMode, number>>;
  /** Open client connections. */
  readonly connections: number;
  /** Hits the next chunk (that `match` accepts); resolves when the fault has happened. Default fault: reset. */
  cutNext(fault?: Fault, match?: (chunk: Buffer) => boolean): Promise<Injected>;
  /** Hits the nth chunk from now, from 1, of those that `match` accepts. */
  cutNth(n: number, fault: Fault, match?: (chunk: Buffer) => boolean): Promise<Injected>;
  /** From now on, or no longer. */
  byChance(chance: Chance | null): void;
  /** Stops listening: new connections get ECONNREFUSED. Those that exist live on. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
  /** RST on every connection, both ways. */
  cutAll(): void;
  close(): Promise<void>;
}

interface Trap {
  left: number;
  readonly fault: Fault;
  readonly match: (chunk: Buffer) => boolean;
  readonly sprung: (injected: Injected) => void;
}

/** What became of a chunk: let through, or hit by this fault. */
interface Hit {
  readonly fault: Fault;
  readonly happened: (reply: Buffer) => void;
}

/** Starts a proxy in front of a database or another server. */
export async function startLostAckProxy(options: LostAckProxyOptions): Promise<LostAckProxy> {
  const { target, boundary = firstBytes } = options;
  const injected: Record<FaultMode, number> = { reset: 0, black_hole: 0, dropped_reply: 0, delay: 0 };
  const links = new Set<Link>();
  const traps: Trap[] = [];
  let chance: ((chunk: Buffer) => Fault | null) | null = null;

  function hit(chunk: Buffer): Hit | null {
    for (const one of traps) if (one.match(chunk)) one.left--;
    const trap = traps.find((one) => one.left <= 0);
    if (trap) traps.splice(traps.indexOf(trap), 1);
    const fault = trap?.fault ?? chance?.(chunk);
    if (!fault) return null;
    const happened = (reply: Buffer): void => {
      injected[fault.mode]++;
      trap?.sprung({ fault, request: chunk, reply });
    };
    return { fault, happened };
  }

  const listen = (port: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
        const link = new Link(client, target, boundary(), hit);
        links.add(link);
        link.ended.then(() => links.delete(link));
      });
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => resolve(server));
    });

  let server: Server | null = options.port === undefined ? await listenOnFreePort(listen) : await listen(options.port);
  const { port } = server.address() as { port: number };

  const stopListening = async (): Promise<void> => {
    const closing = server;
    server = null;
    // Its callback waits for the connections too; the port is free at once.
    closing?.close();
  };

  return {
    host: "127.0.0.1",
    port,
    injected,
    get connections() {
      return links.size;
    },
    cutNext: (fault = { mode: "reset" }, match = anything) =>
      new Promise((sprung) => traps.push({ left: 1, fault, match, sprung })),
    cutNth: (n, fault, match = anything) => new Promise((sprung) => traps.push({ left: n, fault, match, sprung })),
    byChance: (next) => {
      chance = next && chooser(next);
    },
    refuse: stopListening,
    accept: async () => {
      server ??= await persistently(() => listen(port));
    },
    cutAll: () => {
      for (const link of links) link.cut();
    },
    close: async () => {
      await stopListening();
      for (const link of links) link.cut();
      await Promise.all([...links].map((link) => link.ended));
    },
  };
}

/** One client's connection and the one to the server that stands behind it. */
class Link {
  /** When both sides are gone. */
  readonly ended: Promise<unknown>;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #boundary: ReplyBoundary;
  readonly #hit: (chunk: Buffer) => Hit | null;
  /**
   * `dropping`: the request is through, its answer is kept from the client. `orphaned`: the client is cut off, the server
   * finishes by itself. `dead`: nothing passes any more.
   */
  #state: "open" | "dropping" | "orphaned" | "dead" = "open";
  /** A request whose client may not wait for it: servers drop what they read together with the end of a connection. */
  #unanswered = false;
  #endsWhenAnswered = false;
  #dropped: { readonly hit: Hit; readonly reply: Buffer[] } | null = null;

  constructor(
    client: Socket,
    target: { readonly host: string; readonly port: number },
    boundary: ReplyBoundary,
    hit: (chunk: Buffer) => Hit | null,
  ) {
    this.#client = client;
    this.#boundary = boundary;
    this.#hit = hit;
    const server = dial({ ...target, allowHalfOpen: true, noDelay: true });
    this.#server = server;
    client.on("data", (chunk) => this.#fromClient(chunk));
    server.on("data", (chunk) => this.#fromServer(chunk));
    // A client that hangs up or breaks off leaves the server what it has sent: the server may well carry it out.
    client.on("error", () => undefined);
    client.on("end", () => this.#clientGone());
    client.on("close", () => this.#clientGone());
    server.on("error", () => this.#serverGone(true));
    server.on("end", () => this.#serverGone(false));
    server.on("close", () => this.#serverGone(this.#state === "dropping"));
    this.ended = Promise.all([closed(client), closed(server)]);
  }

  cut(): void {
    this.#state = "dead";
    reset(this.#client);
    reset(this.#server);
  }

  #clientGone(): void {
    if (this.#state === "dead") this.#server.destroy();
    else if (this.#unanswered) this.#endsWhenAnswered = true;
    else this.#server.end();
  }

  #serverGone(broken: boolean): void {
    if (this.#state === "orphaned") this.#server.destroy();
    else if (this.#state !== "dead" && broken) reset(this.#client);
    else if (this.#state === "open") this.#client.end();
  }

  #fromClient(chunk: Buffer): void {
    if (this.#state === "dead" || this.#state === "orphaned") return;
    // What follows a request whose answer will be dropped is the rest of it.
    const hit = this.#state === "dropping" ? null : this.#hit(chunk);
    if (hit === null) this.#send(chunk);
    else this.#break(hit, chunk);
  }

  #break(hit: Hit, chunk: Buffer): void {
    switch (hit.fault.mode) {
      case "reset":
        if (hit.fault.forward) {
          this.#unanswered = true;
          this.#send(chunk);
          this.#cutClient();
        } else {
          this.cut();
        }
        hit.happened(NOTHING);
        break;
      case "black_hole":
        this.#state = "dead";
        hit.happened(NOTHING);
        break;
      case "dropped_reply":
        this.#state = "dropping";
        this.#dropped = { hit, reply: [] };
        this.#send(chunk);
        break;
      case "delay":
        // What the client sends meanwhile waits behind it.
        this.#client.pause();
        this.#unanswered = true;
        setTimeout(() => {
          this.#send(chunk);
          this.#client.resume();
          hit.happened(NOTHING);
        }, hit.fault.ms);
    }
  }

  #fromServer(chunk: Buffer): void {
    this.#unanswered = false;
    if (this.#endsWhenAnswered) this.#server.end();
    if (this.#state === "dead" || this.#state === "orphaned") return;
    const answers = this.#boundary.completed(chunk);
    const dropped = this.#dropped;
    if (dropped === null) {
      if (this.#client.writable) this.#client.write(chunk);
      return;
    }
    dropped.reply.push(chunk);
    if (answers === 0) return;
    const { fault } = dropped.hit;
    if (fault.mode === "dropped_reply" && fault.ending === "cut") this.#cutClient();
    else this.#state = "dead";
    dropped.hit.happened(Buffer.concat(dropped.reply));
  }

  #send(chunk: Buffer): void {
    if (this.#server.writable) this.#server.write(chunk);
  }

  /** RST to the client; the server gets all that was sent, and an orderly end when it has answered. */
  #cutClient(): void {
    this.#state = "orphaned";
    reset(this.#client);
    this.#clientGone();
  }
}

const NOTHING = Buffer.alloc(0);
const anything = (): boolean => true;
const firstBytes = (): ReplyBoundary => ({ completed: () => 1 });

/** RST; where the end has already been sent there is no way back to it, and an attempt would leave the socket open. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

function chooser({ seed, probability, faults, match = anything }: Chance): (chunk: Buffer) => Fault | null {
  const random = seededRandom(seed);
  return (chunk) =>
    match(chunk) && random() < probability ? (faults[Math.floor(random() * faults.length)] ?? null) : null;
}

/** Uniform in [0, 1), the same sequence for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function listenOnFreePort(listen: (port: number) => Promise<Server>): Promise<Server> {
  return persistently(() => listen(20_000 + Math.floor(Math.random() * 12_000)));
}

async function persistently(listen: () => Promise<Server>): Promise<Server> {
  for (let tries = 1; ; tries++) {
    try {
      return await listen();
    } catch (error) {
      if (tries >= 100) throw error;
      await new Promise((again) => setTimeout(again, Math.min(tries, 50)));
    }
  }
}

/** ReadyForQuery, and its status outside of a transaction. */
const READY_FOR_QUERY = 0x5a;
const IDLE = 0x49;

/**
 * For PostgreSQL: an answer is complete with ReadyForQuery outside of a transaction. By then the server has committed,
 * so a reply dropped here is a commit whose acknowledgement is lost. Follows the message frames (type, length), also
 * across chunks; no TLS.
 */
export function postgresReplies(): ReplyBoundary {
  let rest = NOTHING;
  return {
    completed: (chunk) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let answers = 0;
      for (;;) {
        const end = bytes.length < 5 ? Number.POSITIVE_INFINITY : 1 + bytes.readUInt32BE(1);
        if (bytes.length < end) break;
        if (bytes[0] === READY_FOR_QUERY && bytes[5] === IDLE) answers++;
        bytes = bytes.subarray(end);
      }
      rest = Buffer.from(bytes);
      return answers;
    },
  };
}
