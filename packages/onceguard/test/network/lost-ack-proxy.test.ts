import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Fault, type LostAckProxy, postgresReplies, startLostAckProxy } from "../../src/testing/lost-ack-proxy.ts";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { until } from "./support/until.ts";

// The proxy is a judge's instrument: each mode is shown to do what it says, seen from both ends.

describe("between a client and a server that answers line by line", () => {
  /** What the server has received, in order. It answers `did <line>` to each. */
  let received: string[];
  let server: Server;
  let proxy: LostAckProxy;
  const clients: Client[] = [];

  beforeEach(async () => {
    received = [];
    server = createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        for (const line of String(chunk).split("\n").filter(Boolean)) {
          received.push(line);
          socket.write(`did ${line}\n`);
        }
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = await startLostAckProxy({ target: { host: "127.0.0.1", port: portOf(server) } });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.socket.destroy();
    await proxy.close();
    await new Promise((closed) => server.close(closed));
  });

  async function client(): Promise<Client> {
    const made = await connected(proxy.port);
    clients.push(made);
    return made;
  }

  it("passes everything on", async () => {
    const a = await client();
    expect(await a.ask("one")).toBe("did one\n");
    expect(await a.ask("two")).toBe("did two\n");
    a.socket.end(); // half-close: the server hangs up too, and that arrives
    await until(() => a.ended === "closed");
    await until(() => proxy.connections === 0);
    expect(proxy.injected).toEqual({ reset: 0, black_hole: 0, dropped_reply: 0, delay: 0 });
  });

  it("reset: the client sees RST and the server never gets the request", async () => {
    const a = await client();
    const sprung = proxy.cutNext();
    a.send("one");
    expect(String((await sprung).request)).toBe("one\n");
    await until(() => a.ended === "ECONNRESET");
    expect(await (await client()).ask("two")).toBe("did two\n");
    expect(received).toEqual(["two"]);
    expect(proxy.injected.reset).toBe(1);
  });

  it("reset with forward: the client sees RST, and the server has the request", async () => {
    const a = await client();
    const sprung = proxy.cutNext({ mode: "reset", forward: true });
    a.send("one");
    await sprung;
    await until(() => a.ended === "ECONNRESET");
    await until(() => received.length === 1);
    expect(received).toEqual(["one"]);
    expect(a.heard).toBe("");
  });

  it("black hole: the request is swallowed, and the connection stays open", async () => {
    const [a, b] = [await client(), await client()];
    const sprung = proxy.cutNext({ mode: "black_hole" });
    a.send("one");
    await sprung;
    a.send("two");
    for (let i = 0; i < 20; i++) await b.ask("other"); // meanwhile the others pass
    expect(a.ended).toBe(null);
    expect(a.heard).toBe("");
    expect(new Set(received)).toEqual(new Set(["other"]));
  });

  it.each<Fault>([
    { mode: "dropped_reply", ending: "cut" },
    { mode: "dropped_reply", ending: "hang" },
  ])("$mode, then $ending: the server did it, and the client never hears", async (fault) => {
    const [a, b] = [await client(), await client()];
    const sprung = proxy.cutNext(fault);
    a.send("one");
    expect(String((await sprung).reply)).toBe("did one\n");
    expect(received).toEqual(["one"]);
    for (let i = 0; i < 20; i++) await b.ask("other");
    if (fault.mode === "dropped_reply" && fault.ending === "cut") await until(() => a.ended === "ECONNRESET");
    else expect(a.ended).toBe(null);
    expect(a.heard).toBe("");
  });

  it("delay: the request arrives late, and what follows stays behind it", async () => {
    const a = await client();
    const sprung = proxy.cutNext({ mode: "delay", ms: 80 });
    const from = performance.now();
    a.send("one");
    await new Promise((later) => setTimeout(later, 10));
    a.send("two");
    await sprung;
    await until(() => received.length === 2);
    expect(performance.now() - from).toBeGreaterThanOrEqual(79);
    expect(received).toEqual(["one", "two"]);
    await until(() => a.heard === "did one\ndid two\n");
  });

  it("delay: a request whose client has given up meanwhile arrives all the same", async () => {
    const a = await client();
    const sprung = proxy.cutNext({ mode: "delay", ms: 50 });
    a.send("one");
    await until(() => proxy.connections === 1);
    a.socket.destroy();
    await sprung;
    await until(() => received.length === 1);
    await until(() => proxy.connections === 0); // and after its answer nothing is left
  });

  it("refuse: ECONNREFUSED for newcomers, and later the same port again", async () => {
    const a = await client();
    await proxy.refuse();
    await expect(connected(proxy.port)).rejects.toThrow("ECONNREFUSED");
    expect(await a.ask("one")).toBe("did one\n");
    await proxy.accept();
    expect(await (await client()).ask("two")).toBe("did two\n");
  });

  it("a server that is down is RST to the client, also while a reply is to be dropped", async () => {
    const a = await client();
    void proxy.cutNext({ mode: "dropped_reply", ending: "hang" }, (chunk) => String(chunk) === "never answered\n");
    server.removeAllListeners("connection");
    server.on("connection", (socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => socket.resetAndDestroy());
    });
    const b = await client();
    b.send("never answered");
    await until(() => b.ended === "ECONNRESET");
    expect(proxy.injected.dropped_reply).toBe(0); // there was no reply, so none was dropped
    expect(a.ended).toBe(null);
  });

  it("hits the nth chunk that matches", async () => {
    const a = await client();
    const sprung = proxy.cutNth(2, { mode: "reset" }, (chunk) => String(chunk).startsWith("pay"));
    expect(await a.ask("pay 1")).toBe("did pay 1\n");
    expect(await a.ask("look")).toBe("did look\n");
    a.send("pay 2");
    expect(String((await sprung).request)).toBe("pay 2\n");
    await until(() => a.ended === "ECONNRESET");
    expect(received).toEqual(["pay 1", "look"]);
  });

  it("hits by chance, and alike for the same seed", async () => {
    const pattern = async (seed: number): Promise<string> => {
      proxy.byChance({ seed, probability: 0.3, faults: [{ mode: "reset" }, { mode: "dropped_reply", ending: "cut" }] });
      let hits = "";
      for (let n = 0; n < 60; n++) {
        const { reset, dropped_reply } = proxy.injected;
        const a = await client();
        a.send(`${seed}/${n}`);
        await until(() => a.heard !== "" || a.ended !== null);
        hits += proxy.injected.reset > reset ? "r" : proxy.injected.dropped_reply > dropped_reply ? "d" : ".";
        expect(a.heard).toBe(hits.endsWith(".") ? `did ${seed}/${n}\n` : "");
        a.socket.destroy();
      }
      proxy.byChance(null);
      return hits;
    };
    const first = await pattern(7);
    expect(await pattern(7)).toBe(first);
    expect(await pattern(8)).not.toBe(first);
    expect(first).toMatch(/r/);
    expect(first).toMatch(/d/);
    expect(first).toMatch(/\./);
  });
});

describe("between a client and PostgreSQL", () => {
  let database: string;
  let proxy: LostAckProxy;
  let direct: pg.Client;

  beforeAll(async () => {
    database = await createDatabase();
    const { hostname, port } = new URL(database);
    proxy = await startLostAckProxy({ target: { host: hostname, port: Number(port) }, boundary: postgresReplies });
    direct = new pg.Client({ connectionString: database });
    await direct.connect();
    await direct.query("CREATE TABLE effect (n int, note text)");
  });

  afterAll(async () => {
    await direct.end();
    await proxy.close();
    await dropDatabase(database);
  });

  async function throughProxy(): Promise<pg.Client> {
    const url = new URL(database);
    url.port = String(proxy.port);
    const client = new pg.Client({ connectionString: url.href });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  const rows = async (n: number): Promise<number> =>
    Number((await direct.query("SELECT count(*) FROM effect WHERE n = $1", [n])).rows[0].count);

  it.each(["cut", "hang"] as const)("drops the acknowledgement of a commit, then %s", async (ending) => {
    const client = await throughProxy();
    const n = ending === "cut" ? 1 : 2;
    const sprung = proxy.cutNext({ mode: "dropped_reply", ending }, (chunk) => chunk.includes("INSERT"));
    let answer: unknown = "none";
    const asked = client.query("INSERT INTO effect VALUES ($1, 'x') RETURNING n", [n]).then(
      () => {
        answer = "acknowledged";
      },
      (error: Error) => {
        answer = error;
      },
    );
    const { reply } = await sprung;
    // At this moment, with nothing waited for: it is committed, and another session sees it.
    expect(await rows(n)).toBe(1);
    expect(reply.includes("INSERT 0 1")).toBe(true); // CommandComplete
    expect(reply.subarray(-6)).toEqual(Buffer.from([0x5a, 0, 0, 0, 5, 0x49])); // ReadyForQuery, idle
    if (ending === "cut") {
      await asked;
      expect(answer).toMatchObject({ code: "ECONNRESET" });
    } else {
      expect(answer).toBe("none");
    }
    client.end().catch(() => undefined);
    await asked; // ending a client with a query under way breaks it off
    expect(answer).toBeInstanceOf(Error);
  });

  it("holds an answer back that comes in many pieces, some of them before the commit", async () => {
    const client = await throughProxy();
    const sprung = proxy.cutNext({ mode: "dropped_reply", ending: "cut" }, (chunk) => chunk.includes("INSERT"));
    const asked = client.query(
      "INSERT INTO effect SELECT 3, repeat('x', 1000) FROM generate_series(1, 500) RETURNING *",
    );
    asked.catch(() => undefined);
    const { reply } = await sprung;
    expect(await rows(3)).toBe(500);
    expect(reply.length).toBeGreaterThan(500_000);
    await expect(asked).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it("reset: the statement never runs", async () => {
    const client = await throughProxy();
    const sprung = proxy.cutNext({ mode: "reset" }, (chunk) => chunk.includes("INSERT"));
    await expect(client.query("INSERT INTO effect VALUES (4, 'x')")).rejects.toMatchObject({ code: "ECONNRESET" });
    await sprung;
    // Its server process has ended, so nothing of it is still to come.
    await until(async () => {
      const others =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
      return Number((await direct.query(`${others} AND backend_type = 'client backend'`)).rows[0].count) === 0;
    });
    expect(await rows(4)).toBe(0);
  });
});

it("finds PostgreSQL's message boundaries, however the bytes are cut", () => {
  const message = (type: string, body: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(4 + body.length);
    return Buffer.concat([Buffer.from(type), length, body]);
  };
  const answers = Buffer.concat([
    message("R", Buffer.alloc(4)),
    message("Z", Buffer.from("I")),
    message("D", Buffer.from("Z\0\0\0\u0005I")), // looks like one, and is data
    message("C", Buffer.from("INSERT 0 1\0")),
    message("Z", Buffer.from("T")), // ready, but inside a transaction: nothing is committed
    message("C", Buffer.from("COMMIT\0")),
    message("Z", Buffer.from("I")),
  ]);
  for (const size of [1, 2, 3, 5, 7, 1_000]) {
    const boundary = postgresReplies();
    let found = 0;
    for (let at = 0; at < answers.length; at += size) found += boundary.completed(answers.subarray(at, at + size));
    expect(found, `in pieces of ${size}`).toBe(2);
  }
});

interface Client {
  readonly socket: Socket;
  /** All that it has been sent. */
  heard: string;
  /** null while open; then `closed`, or the code of the error. */
  ended: string | null;
  send(line: string): void;
  ask(line: string): Promise<string>;
}

async function connected(port: number): Promise<Client> {
  const socket = dial({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const client: Client = {
    socket,
    heard: "",
    ended: null,
    send: (line) => socket.write(`${line}\n`),
    ask: async (line) => {
      const answer = once(socket, "data");
      answer.catch(() => undefined);
      client.send(line);
      return String((await answer)[0]);
    },
  };
  socket.on("data", (chunk) => {
    client.heard += String(chunk);
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    client.ended = error.code ?? error.message;
  });
  socket.on("close", () => {
    client.ended ??= "closed";
  });
  return client;
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}
