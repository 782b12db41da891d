import net from "node:net";

/** A server of raw sockets, which remembers every byte that reached it: the judge of what was sent. */
export interface RawServer {
  readonly port: number;
  /** All bytes received so far, on all connections. */
  received(): string;
  connections(): number;
  close(): Promise<void>;
}

/** @param onData what it does to a connection when bytes arrive; @param onConnect what it does to it at once */
export async function rawServer(
  onData: (socket: net.Socket) => void,
  onConnect: (socket: net.Socket) => void = () => {},
): Promise<RawServer> {
  let received = "";
  let connections = 0;
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    connections++;
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      onData(socket);
    });
    onConnect(socket);
  });
  return {
    port: await listening(server),
    received: () => received,
    connections: () => connections,
    close: async () => {
      for (const socket of open) socket.destroy();
      await closed(server);
    },
  };
}

/** The port of a server that now listens on 127.0.0.1. */
export async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as net.AddressInfo).port;
}

export async function closed(server: net.Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}

/** A port on which nobody listens: one that was free a moment ago. */
export async function deadPort(): Promise<number> {
  const server = net.createServer();
  const port = await listening(server);
  await closed(server);
  return port;
}
