import { chownSync, cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { restateProcess } from "../../packages/onceguard/test/support/restate.ts";
import { serverUser } from "../../packages/onceguard/test/support/server-process.ts";

export interface RestateServer {
  readonly ingressPort: number;
  readonly adminPort: number;
  /** Its files, copied while it stands still. */
  backup(): Promise<void>;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/** A worker that is frozen is noticed as soon as the others' are; by default only after a minute. */
const NOTICE = `[worker.invoker]
http2-keep-alive-interval = "1s"
http2-keep-alive-timeout = "3s"`;

export async function startRestate(): Promise<RestateServer> {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-restate-"));
  const [data, copy] = [join(dir, "data"), join(dir, "backup")];
  const { ingressPort, adminPort, start } = await restateProcess(dir, { base: data, tables: NOTICE });
  let server = await start();
  const standing = async (act: () => void): Promise<void> => {
    await server.stop("TERM");
    act();
    server = await start();
  };
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
