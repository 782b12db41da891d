import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, serverUser, startServerProcess } from "./server-process.ts";

export interface RedisServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** A Redis of one's own, empty and kept in memory only. Null where it is not installed (Debian: `redis-server`). */
export async function startRedis(): Promise<RedisServer | null> {
  const command = findRedis();
  if (!command) return null;

  const dir = mkdtempSync(join(tmpdir(), "onceguard-redis-"));
  if (serverUser) chownSync(dir, serverUser.uid, serverUser.gid);
  const port = await freePort();
  const logFile = join(dir, "log");
  const settings = { port: String(port), bind: "127.0.0.1", dir, save: "", appendonly: "no" };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const redis = startServerProcess({ command, args, dir, logFile });
  const stop = async () => {
    await redis.stop("TERM");
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await answering(port);
  } catch (error) {
    const log = readFileSync(logFile, "utf8").slice(-2_000);
    await stop();
    throw new Error(`Redis did not start:\n${log}`, { cause: error });
  }
  return { port, stop };
}

async function answering(port: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await pings(port))) {
    if (Date.now() > deadline) throw new Error(`no answer on port ${port}`);
    await sleep(25);
  }
}

function pings(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.once("data", (answer) => {
      socket.destroy();
      resolve(answer.toString().startsWith("+PONG"));
    });
    socket.once("error", () => resolve(false));
  });
}

function findRedis(): string | undefined {
  const places = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin"];
  return places.map((place) => join(place, "redis-server")).find((file) => existsSync(file));
}
