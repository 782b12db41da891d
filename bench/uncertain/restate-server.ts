import { chownSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import {
  freePort,
  type ServerProcess,
  serverUser,
  startServerProcess,
} from "../../packages/onceguard/test/support/server-process.ts";

export interface RestateServer {
  readonly ingressPort: number;
  readonly adminPort: number;
  /** Its files, copied while it stands still. */
  backup(): Promise<void>;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRestate(): Promise<RestateServer> {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-restate-"));
  const [node, ingressPort, adminPort] = [await freePort(), await freePort(), await freePort()];
  const [data, copy, config] = [join(dir, "data"), join(dir, "backup"), join(dir, "restate.toml")];
  const settings = `base-dir = "${data}"
node-name = "bench"
listen-mode = "tcp"
bind-ip = "127.0.0.1"
bind-port = ${node}
default-num-partitions = 1
disable-telemetry = true
shutdown-timeout = "1s"
rocksdb-total-memory-size = "64MiB"
# A worker that is frozen is noticed as soon as the others' are; by default only after a minute.
[worker.invoker]
http2-keep-alive-interval = "1s"
http2-keep-alive-timeout = "3s"
[ingress]
bind-port = ${ingressPort}
[admin]
bind-port = ${adminPort}
disable-web-ui = true
`;
  writeFileSync(config, settings);
  if (serverUser) for (const path of [dir, config]) chownSync(path, serverUser.uid, serverUser.gid);
  const args = ["--no-logo", "--config-file", config];
  let server: ServerProcess;
  const start = async (): Promise<void> => {
    server = startServerProcess({ command: binary(), args, dir, logFile: join(dir, "log") });
    for (const port of [adminPort, ingressPort]) await healthy(port === ingressPort ? `${port}/restate` : `${port}`);
  };
  const standing = async (act: () => void): Promise<void> => {
    await server.stop("TERM");
    act();
    await start();
  };
  await start();
  return {
    ingressPort,
    adminPort,
    backup: () => standing(() => cpSync(data, copy, { recursive: true, preserveTimestamps: true })),
    restore: () =>
      standing(() => {
        rmSync(data, { recursive: true });
        cpSync(copy, data, { recursive: true, preserveTimestamps: true });
        if (serverUser) chownAll(data);
      }),
    stop: async () => {
      await server.stop("TERM");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function chownAll(dir: string): void {
  const { uid, gid } = serverUser as { uid: number; gid: number };
  chownSync(dir, uid, gid);
  for (const path of readdirSync(dir, { recursive: true })) chownSync(join(dir, String(path)), uid, gid);
}

/**
 * The server's admin door, through which workers say where they are: it is told that all of them are at `place`, and the
 * caller is told where they really are.
 */
export async function startAdminDoor(adminPort: number, place: number, moved: (port: number) => void) {
  const door = createServer(async (request, response) => {
    const sent = await text(request);
    const { method = "GET", url = "/" } = request;
    const isPlace = method !== "GET" && url.startsWith("/deployments");
    const body = isPlace ? (JSON.parse(sent) as { uri: string }) : null;
    if (body) moved(Number(new URL(body.uri).port));
    const answer = await fetch(`http://127.0.0.1:${adminPort}${url}`, {
      method,
      headers: { "content-type": "application/json", accept: "application/json" },
      ...(method === "GET"
        ? {}
        : { body: body ? JSON.stringify({ ...body, uri: `http://127.0.0.1:${place}/` }) : sent }),
    });
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  return { port: (door.address() as AddressInfo).port, close: () => door.close() };
}

/** npm brings it for the platforms that it is built for. */
function binary(): string {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  const near = createRequire(createRequire(import.meta.url).resolve("@restatedev/restate-server/package.json"));
  return join(dirname(near.resolve(`${name}/package.json`)), "bin/restate-server");
}

async function healthy(place: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await sleep(25)) {
    const response = await fetch(`http://127.0.0.1:${place}/health`).catch(() => null);
    if (response?.ok) return;
    if (Date.now() > deadline) throw new Error(`Restate does not answer on ${place}`);
  }
}
