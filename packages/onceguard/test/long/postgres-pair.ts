import { execFile, execFileSync } from "node:child_process";
import { chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { until } from "../network/support/until.ts";
import { baseBackup } from "../support/base-backup.ts";
import { accepting } from "../support/postgres.ts";
import { postgresBinaries } from "../support/postgres-binaries.ts";
import { freePort, type ServerProcess, serverUser, startServerProcess } from "../support/server-process.ts";

/** A primary that acknowledges a commit when its standby has it on the disk too, and can be lost at any moment. */
export interface PostgresPair {
  /** Of the primary, as long as it is. */
  readonly url: string;
  readonly port: number;
  /** Kills the primary (SIGKILL, all of its processes) and makes the standby the primary. Then there is no standby. */
  failOver(): Promise<void>;
  /** A copy of the primary follows it; resolves when every commit waits for it. */
  addStandby(): Promise<void>;
  stop(): Promise<void>;
}

interface Node {
  readonly dir: string;
  readonly port: number;
  readonly url: string;
  server: ServerProcess;
}

/** Both on this machine, so that a failover takes a second or two. Linux only: it looks for child processes in /proc. */
export async function startPostgresPair(): Promise<PostgresPair> {
  const dirs: string[] = [];
  const bin = postgresBinaries(newDir(dirs));
  const initdb = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"];
  const first = newDir(dirs);
  execFileSync(join(bin, "initdb"), [...initdb, join(first, "data")], { ...serverUser, cwd: first, stdio: "ignore" });
  let primary = await startNode(bin, first);
  let standby: Node | null = null;

  async function addStandby(): Promise<void> {
    const dir = newDir(dirs);
    await ask(primary.url, "ALTER SYSTEM RESET synchronous_standby_names");
    const { url, port } = primary;
    await baseBackup({ url, port, dataDir: join(primary.dir, "data") }, join(dir, "data"), "standby");
    standby = await startNode(bin, dir);
    await ask(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    await ask(primary.url, "SELECT pg_reload_conf()");
    await until(async () => {
      const [follower] = await ask(url, "SELECT sync_state FROM pg_stat_replication");
      return follower?.sync_state === "sync";
    });
  }

  await addStandby();
  return {
    get url() {
      return primary.url;
    },
    get port() {
      return primary.port;
    },
    addStandby,
    failOver: async () => {
      if (standby === null) throw new Error("there is no standby");
      killAll(primary);
      await primary.server.stop("QUIT");
      const promote = ["promote", "-D", join(standby.dir, "data")];
      await promisify(execFile)(join(bin, "pg_ctl"), promote, { ...serverUser, cwd: standby.dir });
      primary = standby;
      standby = null;
    },
    stop: async () => {
      await standby?.server.stop("QUIT");
      await primary.server.stop("QUIT");
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
    },
  };
}

function newDir(dirs: string[]): string {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-pair-"));
  if (serverUser) chownSync(dir, serverUser.uid, serverUser.gid);
  dirs.push(dir);
  return dir;
}

async function startNode(bin: string, dir: string): Promise<Node> {
  const port = await freePort();
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: dir,
    max_connections: 200,
    wal_keep_size: "512MB",
    // In the data directory: a server that is killed leaves nothing behind elsewhere.
    dynamic_shared_memory_type: "mmap",
    fsync: "on",
    synchronous_commit: "on",
  };
  const args = [
    "-D",
    join(dir, "data"),
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const server = startServerProcess({ command: join(bin, "postgres"), args, dir, logFile: join(dir, "log") });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await accepting(url);
  return { dir, port, url, server };
}

/** As a machine that loses its power: not even what is under way in a session is finished. */
function killAll({ dir }: Node): void {
  const [postmaster = ""] = readFileSync(join(dir, "data/postmaster.pid"), "utf8").split("\n");
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8").trim();
  process.kill(Number(postmaster), "SIGKILL");
  for (const child of children.split(" ").filter(Boolean)) {
    try {
      process.kill(Number(child), "SIGKILL");
    } catch {
      // It had ended by itself.
    }
  }
}

async function ask(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
