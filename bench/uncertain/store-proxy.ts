import { createServer, connect as dial, type Server, type Socket } from "node:net";
import type { Protocol } from "./wire.ts";

/** Where a worker and its store are cut apart. */
export interface StoreProxy {
  readonly port: number;
  /** From here on the connections go to this port. */
  target(port: number): void;
  /** While true, statements are learned that belong to nobody's intent: heartbeats, polls. They spring no trap later. */
  learning: boolean;
  /**
   * Resolves when the next write has come to this point, and the connection stands still there. `sending`: nothing of it
   * has been forwarded. `applied`: the store has committed and answered, and the answer is withheld.
   */
  trap(point: "sending" | "applied"): Promise<void>;
  /** No trap any more; what stands still is cut. */
  release(): void;
  /** Cuts everything, and refuses. */
  refuse(): void;
  accept(): Promise<void>;
  cutAll(): void;
  close(): void;
}

interface Trap {
  readonly point: "sending" | "applied";
  readonly sprung: () => void;
}

/**
 * A TCP proxy between a worker and its store that understands just enough of the protocol to tell a write from a read.
 * `reversed`: the worker is the one that is dialled, as by an engine's server.
 */
export async function startStoreProxy(protocol: Protocol, targetPort: number, reversed = false): Promise<StoreProxy> {
  const idle = new Set<string>();
  const open = new Set<Socket>();
  let target = targetPort;
  let trap: Trap | null = null;
  let learning = false;

  const cutAll = (): void => {
    for (const socket of open) {
      // Where the end has been sent already, or nothing can be sent yet, a reset would leave it open.
      if (socket.writableEnded || socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  };

  function link(client: Socket): void {
    const server = dial({ port: target, host: "127.0.0.1", noDelay: true });
    const [listener, answers] = [protocol.listener(), protocol.answers()];
    let state: "open" | "applying" | "frozen" = "open";
    let applying: Trap | null = null;
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      open.add(one);
      one.on("error", () => undefined);
      one.on("end", () => other.end());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
    const [worker, store] = reversed ? [server, client] : [client, server];
    worker.on("data", (chunk) => {
      const statements = listener.heard(chunk);
      if (learning) for (const { text } of statements) idle.add(text);
      if (state === "frozen") return;
      const isMeant = statements.some(({ text, isWrite }) => isWrite && !idle.has(text));
      if (isMeant && trap && state === "open") {
        const sprung = trap;
        trap = null;
        if (sprung.point === "sending") {
          state = "frozen";
          return sprung.sprung();
        }
        applying = sprung;
        state = "applying";
      }
      store.write(chunk);
    });
    store.on("data", (chunk) => {
      const settled = answers.settled(chunk);
      if (state === "frozen") return;
      if (state === "applying" && settled) {
        state = "frozen";
        return applying?.sprung();
      }
      worker.write(chunk);
    });
  }

  const listen = (port: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, link);
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => resolve(server));
    });
  let server: Server | null = await listen(0);
  const { port } = server.address() as { port: number };

  return {
    port,
    target: (next) => {
      target = next;
    },
    get learning() {
      return learning;
    },
    set learning(on: boolean) {
      learning = on;
    },
    trap: (point) =>
      new Promise((sprung) => {
        trap = { point, sprung };
      }),
    release: () => {
      trap = null;
    },
    refuse: () => {
      server?.close();
      server = null;
      cutAll();
    },
    accept: async () => {
      server ??= await listen(port);
    },
    cutAll,
    close: () => {
      server?.close();
      cutAll();
    },
  };
}
