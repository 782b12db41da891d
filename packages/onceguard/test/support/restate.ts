import { chownSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, type ServerProcess, serverUser, startServerProcess } from "./server-process.ts";

/** Restate's own server, not started yet. */
export interface RestateProcess {
  readonly ingressPort: number;
  readonly adminPort: number;
  /** Resolves when it answers on both ports; less than a second. */
  start(): Promise<ServerProcess>;
}

/**
 * @param dir the directory of the process; its configuration and its output go there.
 * @param settings where its data is, and what else its configuration has, as tables of TOML.
 */
export async function restateProcess(
  dir: string,
  settings: { readonly base: string; readonly tables?: string },
): Promise<RestateProcess> {
  const [node, ingressPort, adminPort] = [await freePort(), await freePort(), await freePort()];
  const [config, logFile] = [join(dir, "restate.toml"), join(dir, "log")];
  writeFileSync(
    config,
    `base-dir = "${settings.base}"
node-name = "restate"
listen-mode = "tcp"
bind-ip = "127.0.0.1"
bind-port = ${node}
default-num-partitions = 1
disable-telemetry = true
shutdown-timeout = "1s"
rocksdb-total-memory-size = "64MiB"
${settings.tables ?? ""}
[ingress]
bind-port = ${ingressPort}
[admin]
bind-port = ${adminPort}
disable-web-ui = true
`,
  );
  if (serverUser) for (const path of [dir, config]) chownSync(path, serverUser.uid, serverUser.gid);
  const args = ["--no-logo", "--config-file", config];
  const doors = [`http://127.0.0.1:${adminPort}/health`, `http://127.0.0.1:${ingressPort}/restate/health`];
  return {
    ingressPort,
    adminPort,
    start: async () => {
      const server = startServerProcess({ command: binary(), args, dir, logFile });
      try {
        for (const url of doors) await answering(url);
      } catch (error) {
        throw new Error(`Restate did not start:\n${readFileSync(logFile, "utf8").slice(-2_000)}`, { cause: error });
      }
      return server;
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
