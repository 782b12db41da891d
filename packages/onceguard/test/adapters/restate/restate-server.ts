import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, serverUser, startServerProcess } from "../../support/server-process.ts";

/** Restate's own server. */
export interface RestateServer {
  /** Has it find the services at this port. */
  register(port: number): Promise<void>;
  /** Calls a handler through the ingress, and waits for its end. */
  call(handler: string, payload: unknown, idempotencyKey: string): Promise<{ status: number; answer: unknown }>;
  /** What it says of the invocation with this key. */
  invocation(idempotencyKey: string): Promise<{ id: string; status: string } | undefined>;
  /** `purge` forgets an invocation that is over, as the end of its retention does; `resume` carries on a paused one. */
  tell(id: string, what: "purge" | "resume"): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one of its own: less than a second. */
export async function startRestateServer(): Promise<RestateServer> {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-restate-"));
  const [node, ingressPort, adminPort] = [await freePort(), await freePort(), await freePort()];
  const config = join(dir, "restate.toml");
  writeFileSync(
    config,
    `base-dir = "${dir}"
listen-mode = "tcp"
bind-ip = "127.0.0.1"
bind-port = ${node}
default-num-partitions = 1
disable-telemetry = true
shutdown-timeout = "1s"
rocksdb-total-memory-size = "64MiB"
[ingress]
bind-port = ${ingressPort}
[admin]
bind-port = ${adminPort}
disable-web-ui = true
`,
  );
  if (serverUser) for (const path of [dir, config]) chownSync(path, serverUser.uid, serverUser.gid);
  const logFile = join(dir, "log");
  const args = ["--no-logo", "--config-file", config];
  const server = startServerProcess({ command: binary(), args, dir, logFile });
  const [ingress, admin] = [`http://127.0.0.1:${ingressPort}`, `http://127.0.0.1:${adminPort}`];
  const headers = { "content-type": "application/json", accept: "application/json" };

  const ask = async (path: string, body: unknown): Promise<unknown> => {
    const response = await fetch(`${admin}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`Restate answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  try {
    for (const url of [`${admin}/health`, `${ingress}/restate/health`]) await answering(url);
  } catch (error) {
    throw new Error(`Restate did not start:\n${readFileSync(logFile, "utf8").slice(-2_000)}`, { cause: error });
  }
  return {
    register: async (port) => void (await ask("/deployments", { uri: `http://127.0.0.1:${port}` })),
    call: async (handler, payload, idempotencyKey) => {
      const response = await fetch(`${ingress}/${handler}`, {
        method: "POST",
        headers: { ...headers, "idempotency-key": idempotencyKey },
        body: JSON.stringify(payload),
      });
      const text = await response.text();
      return { status: response.status, answer: text === "" ? undefined : JSON.parse(text) };
    },
    invocation: async (key) => {
      const query = `select id, status from sys_invocation where idempotency_key = '${key}'`;
      const { rows } = (await ask("/query", { query })) as { rows: { id: string; status: string }[] };
      return rows[0];
    },
    tell: async (id, what) => {
      const response = await fetch(`${admin}/invocations/${id}/${what}`, { method: "PATCH" });
      if (!response.ok) throw new Error(`Restate answered ${response.status}: ${await response.text()}`);
    },
    stop: async () => {
      await server.stop("TERM");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** npm brings it for the platforms that it is built for. */
function binary(): string {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  const near = createRequire(createRequire(import.meta.url).resolve("@restatedev/restate-server/package.json"));
  return join(dirname(near.resolve(`${name}/package.json`)), "bin/restate-server");
}

async function answering(url: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok) return;
    if (Date.now() > deadline) throw new Error(`${url} does not answer`);
    await sleep(25);
  }
}
