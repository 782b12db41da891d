import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { accepting } from "./postgres.ts";
import { freePort, serverUser, startServerProcess } from "./server-process.ts";

export interface PgBouncer {
  /** The same database as the target URL's, through the pooler. Other databases of that server are reachable too. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * PgBouncer in transaction mode before the given server: consecutive transactions of one client may run on different
 * server connections, so whatever relies on session state fails here. Null where it is not installed (Debian: `pgbouncer`).
 */
export async function startPgBouncer(targetUrl: string): Promise<PgBouncer | null> {
  const command = findPgBouncer();
  if (!command) return null;

  const target = new URL(targetUrl);
  const user = decodeURIComponent(target.username) || "postgres";
  const password = decodeURIComponent(target.password);
  const dir = mkdtempSync(join(tmpdir(), "onceguard-pgbouncer-"));
  const port = await freePort();
  const logFile = join(dir, "log");
  const ini = join(dir, "pgbouncer.ini");
  const users = join(dir, "users.txt");
  writeFileSync(users, `${quoted(user)} ${quoted(password)}\n`);
  writeFileSync(
    ini,
    `[databases]
* = host=${target.hostname} port=${target.port || 5432}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
max_client_conn = 1000
; Few, so that clients do get each other's connections.
default_pool_size = 8
ignore_startup_parameters = extra_float_digits
`,
  );
  if (serverUser) for (const path of [dir, ini, users]) chownSync(path, serverUser.uid, serverUser.gid);

  const url = new URL(targetUrl);
  url.hostname = "127.0.0.1";
  url.port = String(port);
  const bouncer = startServerProcess({ command, args: [ini], dir, logFile });
  const stop = async () => {
    await bouncer.stop("TERM");
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await accepting(url.href);
  } catch (error) {
    const log = readFileSync(logFile, "utf8").slice(-2_000);
    await stop();
    throw new Error(`PgBouncer did not start:\n${log}`, { cause: error });
  }
  return { url: url.href, stop };
}

function findPgBouncer(): string | undefined {
  const places = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"]; // sbin is not on everyone's PATH
  return places.map((place) => join(place, "pgbouncer")).find((file) => existsSync(file));
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
