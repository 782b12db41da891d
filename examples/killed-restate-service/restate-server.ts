import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";

/** Restate's own server, as npm brings it. */
export interface RestateServer {
  /** Has it find the services at this port. */
  register(port: number): Promise<void>;
  /** Calls a handler, and waits for its end. */
  call<Answer>(handler: string, payload: unknown): Promise<Answer>;
  stop(): Promise<void>;
}

export async function startRestateServer(folder: string): Promise<RestateServer> {
  const [node, ingress, admin] = [await freePort(), await freePort(), await freePort()];
  const env = {
    ...process.env,
    RESTATE_BASE_DIR: folder,
    RESTATE_LISTEN_MODE: "tcp",
    RESTATE_BIND_IP: "127.0.0.1",
    RESTATE_BIND_PORT: String(node),
    RESTATE_INGRESS__BIND_PORT: String(ingress),
    RESTATE_ADMIN__BIND_PORT: String(admin),
    RESTATE_DEFAULT_NUM_PARTITIONS: "1",
    RESTATE_DISABLE_TELEMETRY: "true",
  };
  const server = spawn(binary(), ["--no-logo"], { cwd: folder, env, stdio: "ignore" });
  process.once("exit", () => server.kill("SIGKILL"));
  await answering(`http://127.0.0.1:${admin}/health`);
  await answering(`http://127.0.0.1:${ingress}/restate/health`);
  const post = async (url: string, body: unknown): Promise<Response> => {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`Restate answered ${response.status}: ${await response.text()}`);
    return response;
  };
  return {
    register: async (port) => {
      await post(`http://127.0.0.1:${admin}/deployments`, { uri: `http://127.0.0.1:${port}` });
    },
    call: async <Answer>(handler: string, payload: unknown) =>
      (await (await post(`http://127.0.0.1:${ingress}/${handler}`, payload)).json()) as Answer,
    stop: async () => {
      server.kill("SIGKILL");
      await once(server, "exit");
    },
  };
}

function binary(): string {
  const near = createRequire(createRequire(import.meta.url).resolve("@restatedev/restate-server/package.json"));
  const platform = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  return join(dirname(near.resolve(`${platform}/package.json`)), "bin/restate-server");
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}

async function answering(url: string): Promise<void> {
  for (let left = 1_200; left > 0; left--) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok) return;
    await new Promise((again) => setTimeout(again, 25));
  }
  throw new Error(`${url} does not answer`);
}
